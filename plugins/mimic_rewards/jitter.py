"""Cost of changing joint velocities."""

from __future__ import annotations

from mimic_core import BodyModel, NoSettings, RewardSpec, Term
from mimic_rewards.history import over_last
from mimic_rewards.sources import AL_BORNO


def build(config: NoSettings, model: BodyModel) -> Term:
    """c = Σ_j (q̇_j − q̇_j,before)² over joints, from one control step to the next; 0 in an episode's first step."""
    import jax.numpy as jnp

    def value(seen, last, step):
        return seen.min() * (jnp.diff(last, axis=0) ** 2).sum()

    return over_last(2, len(model.joint_names), lambda step: step.joint_vel, value)


spec = RewardSpec(
    name="jitter",
    build=build,
    units="rad²/s²",
    cost=True,
    summary="cost of changing joint velocities between control steps, Σ(q̇−q̇ before)²",
    source=AL_BORNO,
)
