"""Closeness of all moving bodies to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, ConfigError, RewardSpec, StepView
from mimic_rewards.closeness import closeness, length_scale, over
from mimic_rewards.places import away
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class BodyPosition:
    """Settings of the body-position term.

    Attributes:
        scale: α, 1/m²; None gives 1/e at a twentieth of the model's size (``extent`` of its MJCF), or with a free root
            at a tenth of the greatest distance between two keypoints in the reference pose.
        frame: ``world``, or ``root``: each as its own free root sees it.
        over: ``sum`` of the squared distances or their ``mean``.
    """

    scale: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    frame: str = attrs.field(default="world", validator=attrs.validators.in_(("world", "root")))
    over: str = over()


def build(config: BodyPosition, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α Σ_b ‖x_b − x̂_b‖²) over the frame origins of the moving bodies, in (0, 1].

    Raises:
        ConfigError: none of the moving bodies has a name, or the root that they are seen from is fixed.
    """
    if not model.body_names:
        raise ConfigError(
            f"rewards.body_position: no moving body of {model.body.name} has a name; name them in its MJCF, "
            "or use rewards.keypoint"
        )
    scale, difference = length_scale(config.scale, model), away(config.frame, "body_pos", model, "body_position")
    return closeness(scale, difference, config.over, vectors=True)


spec = RewardSpec(
    name="body_position",
    config=BodyPosition,
    build=build,
    summary="closeness of all moving bodies, exp(−scale·Σ‖x−x̂‖²) over their frame origins",
    source=MIMIC_MJX,
)
