"""Cost of the distance of the limbs' ends from the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_rewards.distance import distances_mm
from mimic_rewards.places import distal_keypoints, keypoints_named
from mimic_rewards.sources import AL_BORNO


@attrs.frozen
class PawDistance:
    """Settings of the paw distance.

    Attributes:
        keypoints: names of the ends; none named means the outermost keypoint of every limb.
    """

    keypoints: tuple[str, ...] = ()


def build(config: PawDistance, model: BodyModel) -> Callable[[StepView], object]:
    """c = mean_k d_k over the keypoints at the limbs' ends, mm of the animal. (The lab's trainer squares it, in m².)

    Raises:
        ConfigError: the body has no keypoint of a name.
    """
    k = keypoints_named(config.keypoints, model, distal_keypoints(model), "paw_distance")
    distances = distances_mm(k, model)
    return lambda step: distances(step).mean()


spec = RewardSpec(
    name="paw_distance",
    config=PawDistance,
    build=build,
    units="mm",
    cost=True,
    summary="cost of distance, mean over the limbs' ends",
    source=AL_BORNO,
)
