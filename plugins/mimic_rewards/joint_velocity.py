"""Closeness of joint velocities to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.closeness import closeness, over
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class JointVelocity:
    """Settings of the joint-velocity term.

    Attributes:
        scale: α, s²/rad²; 0.01 gives 1/e where the velocities are off by 10 rad/s together.
        over: ``sum`` over joints or their ``mean``, which suits bodies of many joints.
    """

    scale: float = attrs.field(default=0.01, validator=attrs.validators.gt(0))
    over: str = over()


def build(config: JointVelocity, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α Σ_j (q̇_j − q̂̇_j)²) over joints, or of their mean, in (0, 1]."""
    return closeness(config.scale, lambda step: step.joint_vel - step.ref.joint_vel, config.over)


spec = RewardSpec(
    name="joint_velocity",
    config=JointVelocity,
    build=build,
    summary="closeness of joint velocities, exp(−scale·Σ(q̇−q̂̇)²), or of the mean over joints",
    source=MIMIC_MJX,
)
