"""Cost of force."""

from __future__ import annotations

from collections.abc import Callable

from mimic_core import BodyModel, NoSettings, RewardSpec, StepView
from mimic_rewards.sources import AL_BORNO


def build(config: NoSettings, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_m F_m over the tensions of the muscles, N; of a body without muscles Σ_j |f_j| over its motors, N·m.

    Reserves beside muscles cost their force, N, where they drive a slide, and nothing where they turn a hinge, since a
    torque is no force: `reserve` charges them.
    """
    if model.muscle_names:
        moment = model.reserve_moment[:, ~model.is_hinge]
        if moment.any():
            return lambda step: abs(step.muscle_force).sum() + abs(step.activation @ moment).sum()
        return lambda step: abs(step.muscle_force).sum()
    return lambda step: abs(step.joint_force).sum()


spec = RewardSpec(
    name="actuator_effort",
    build=build,
    units="N (muscles) or N·m (motors)",
    cost=True,
    summary="cost of force, Σ|force| over muscles or motors",
    source=AL_BORNO,
)
