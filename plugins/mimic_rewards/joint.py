"""Closeness of joint angles to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.closeness import closeness, over
from mimic_rewards.sources import PAPER


@attrs.frozen
class Joint:
    """Settings of the joint term.

    Attributes:
        scale: α, 1/rad²; larger asks for more exact angles.
        over: ``sum`` over joints, as in the paper, or their ``mean``, which suits bodies of many joints.
    """

    scale: float = attrs.field(default=0.2, validator=attrs.validators.gt(0))
    over: str = over()


def build(config: Joint, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α Σ_j (q_j − q̂_j)²) over joints, in (0, 1] (Leonardis et al. 2025, equation for r^joint).

    With ``over="mean"`` Σ is the mean over joints.
    """
    return closeness(config.scale, lambda step: step.joint_pos - step.ref.joint_pos, config.over)


spec = RewardSpec(
    name="joint",
    config=Joint,
    build=build,
    weight=5.0,
    summary="closeness of joint angles, exp(−scale·Σ(q−q̂)²), or of the mean over joints",
    source=PAPER,
)
