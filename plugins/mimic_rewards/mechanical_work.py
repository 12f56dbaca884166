"""Cost of the work that the actuators do."""

from __future__ import annotations

from collections.abc import Callable

from mimic_core import BodyModel, NoSettings, RewardSpec, StepView


def build(config: NoSettings, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_m max(0, −F_m·v_m) in W: tension times shortening velocity of the muscles that shorten.

    Muscles that are stretched cost nothing and give nothing back. A body without muscles is charged
    Σ_j max(0, f_j·q̇_j), the power of the motors that drive their joint; so are reserves beside muscles.
    """
    import jax.numpy as jnp

    if model.muscle_names:
        moment = model.reserve_moment

        def cost(step: StepView) -> object:
            by_muscles = jnp.maximum(-step.muscle_force * step.muscle_velocity, 0.0).sum()
            if not moment.any():
                return by_muscles
            return by_muscles + jnp.maximum((step.activation @ moment) * step.joint_vel, 0.0).sum()

        return cost
    return lambda step: jnp.maximum(step.joint_force * step.joint_vel, 0.0).sum()


spec = RewardSpec(
    name="mechanical_work",
    build=build,
    units="W",
    cost=True,
    summary="cost of positive mechanical power, Σ max(0, force·shortening velocity)",
    source="first law of thermodynamics; suggested in the discussion of Leonardis et al. 2025 (arXiv 2511.21848)",
)
