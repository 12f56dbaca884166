"""Closeness of the limbs' ends to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.closeness import closeness, length_scale
from mimic_rewards.places import distal_keypoints, keypoints_named
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class EndEffector:
    """Settings of the end-effector term.

    Attributes:
        scale: α, 1/m²; None gives 1/e at a twentieth of the model's size (``extent`` of its MJCF).
        keypoints: names of the ends; none named means the outermost keypoint of every limb.
    """

    scale: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    keypoints: tuple[str, ...] = ()


def build(config: EndEffector, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α Σ_k ‖x_k − x̂_k‖²) over the keypoints at the limbs' ends, in (0, 1].

    Raises:
        ConfigError: the body has no keypoint of a name.
    """
    k = keypoints_named(config.keypoints, model, distal_keypoints(model), "end_effector")
    return closeness(length_scale(config.scale, model), lambda step: step.site_pos[k] - step.ref.site_pos[k])


spec = RewardSpec(
    name="end_effector",
    config=EndEffector,
    build=build,
    summary="closeness of the limbs' ends, exp(−scale·Σ‖x−x̂‖²) over their keypoints",
    source=MIMIC_MJX,
)
