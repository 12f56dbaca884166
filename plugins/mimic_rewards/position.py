"""Closeness of the root's position to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.closeness import SHARE_OF_ROOT, closeness, length_scale
from mimic_rewards.places import require_free_root
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class Position:
    """Settings of the position term.

    Attributes:
        scale: α, 1/m²; None gives 1/e at a quarter of the greatest distance between two keypoints in the reference
            pose.
    """

    scale: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))


def build(config: Position, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α ‖p − p̂‖²), p the position of the free root, in (0, 1].

    Raises:
        ConfigError: the body is fixed in space.
    """
    require_free_root(model, "position")
    return closeness(length_scale(config.scale, model, SHARE_OF_ROOT), lambda step: step.root_pos - step.ref.root_pos)


spec = RewardSpec(
    name="position",
    config=Position,
    build=build,
    summary="closeness of the root's position, exp(−scale·‖p−p̂‖²); free roots only",
    source=MIMIC_MJX,
)
