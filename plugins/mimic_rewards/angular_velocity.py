"""Closeness of the root's angular velocity to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.closeness import closeness
from mimic_rewards.places import require_free_root
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class AngularVelocity:
    """Settings of the angular-velocity term.

    Attributes:
        scale: α, s²/rad²; 0.5 is what MIMIC-MJX sets for its rat.
    """

    scale: float = attrs.field(default=0.5, validator=attrs.validators.gt(0))


def build(config: AngularVelocity, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α ‖ω − ω̂‖²), ω the free root's angular velocity, each in its own root's frame, in (0, 1].

    Raises:
        ConfigError: the body is fixed in space.
    """
    require_free_root(model, "angular_velocity")
    return closeness(config.scale, lambda step: step.root_angvel - step.ref.root_angvel)


spec = RewardSpec(
    name="angular_velocity",
    config=AngularVelocity,
    build=build,
    summary="closeness of the root's angular velocity, exp(−scale·‖ω−ω̂‖²); free roots only",
    source=MIMIC_MJX,
)
