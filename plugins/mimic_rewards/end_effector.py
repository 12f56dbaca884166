"""Closeness of the limbs' ends to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.closeness import closeness, length_scale, over
from mimic_rewards.places import away, distal_keypoints, keypoints_named
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class EndEffector:
    """Settings of the end-effector term.

    Attributes:
        scale: α, 1/m²; None gives 1/e at a twentieth of the model's size (``extent`` of its MJCF), or with a free root
            at a tenth of the greatest distance between two keypoints in the reference pose.
        keypoints: names of the ends; none named means the outermost keypoint of every limb.
        frame: ``world``, or ``root``: each as its own free root sees it.
        over: ``sum`` of the squared distances or their ``mean``.
    """

    scale: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    keypoints: tuple[str, ...] = ()
    frame: str = attrs.field(default="world", validator=attrs.validators.in_(("world", "root")))
    over: str = over()


def build(config: EndEffector, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α Σ_k ‖x_k − x̂_k‖²) over the keypoints at the limbs' ends, in (0, 1].

    Raises:
        ConfigError: the body has no keypoint of a name, or the root that they are seen from is fixed.
    """
    k = keypoints_named(config.keypoints, model, distal_keypoints(model), "end_effector")
    scale, difference = length_scale(config.scale, model), away(config.frame, "site_pos", model, "end_effector", k)
    return closeness(scale, difference, config.over, vectors=True)


spec = RewardSpec(
    name="end_effector",
    config=EndEffector,
    build=build,
    summary="closeness of the limbs' ends, exp(−scale·Σ‖x−x̂‖²) over their keypoints",
    source=MIMIC_MJX,
)
