"""Cost of the distance of all bones from the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.distance import distances_mm
from mimic_rewards.places import keypoints_named, moving_keypoints
from mimic_rewards.sources import AL_BORNO


@attrs.frozen
class BoneDistance:
    """Settings of the bone distance.

    Attributes:
        keypoints: names; none named means all that the joints can move.
    """

    keypoints: tuple[str, ...] = ()


def build(config: BoneDistance, model: BodyModel) -> Callable[[StepView], object]:
    """c = mean_k d_k over keypoints, mm of the animal. (The lab's trainer takes the mean of squares, in m².)

    Raises:
        ConfigError: the body has no keypoint of a name, or none that moves.
    """
    k = keypoints_named(config.keypoints, model, moving_keypoints(model), "bone_distance")
    distances = distances_mm(k, model)
    return lambda step: distances(step).mean()


spec = RewardSpec(
    name="bone_distance",
    config=BoneDistance,
    build=build,
    units="mm",
    cost=True,
    summary="cost of distance, mean over the keypoints that move",
    source=AL_BORNO,
)
