"""Closeness of the keypoints, as tracking errors are measured."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, RewardSpec, StepView
from mimic_kinematics.size import span
from mimic_rewards.distance import distances_mm
from mimic_rewards.places import keypoints_named, moving_keypoints

_STEEPEST_PER_MM, _SHARE = 0.5, 0.05


@attrs.frozen
class Keypoint:
    """Settings of the keypoint term.

    Attributes:
        scale_per_mm: α, 1/mm of the animal; None gives 0.5, or for a body that spans more than 40 mm 1/e at a twentieth
            of that: of the greatest distance between two of its keypoints in the reference pose.
        keypoints: names; none named means all that the joints can move.
    """

    scale_per_mm: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    keypoints: tuple[str, ...] = ()


def build(config: Keypoint, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α · mean_k d_k), d_k the keypoints' distances in mm of the animal, in (0, 1].

    The mean of these distances is what is reported as tracking error. Unlike exp(−α d²), this keeps its slope when
    the error is small (down to 0.001 mm, where it is rounded off).

    Raises:
        ConfigError: the body has no keypoint of a name, or none that moves.
    """
    import jax.numpy as jnp

    k = keypoints_named(config.keypoints, model, moving_keypoints(model), "keypoint")
    distances, scale = distances_mm(k, model), config.scale_per_mm
    if scale is None:
        scale = min(_STEEPEST_PER_MM, 1 / (_SHARE * 1e3 * model.body.scale * span(model)))
    return lambda step: jnp.exp(-scale * distances(step).mean())


spec = RewardSpec(
    name="keypoint",
    config=Keypoint,
    build=build,
    summary="closeness of the keypoints, exp(−scale·mean distance in mm)",
    source="this software; its distance is that of the tracking error in Leonardis et al. 2025, figure 1D",
)
