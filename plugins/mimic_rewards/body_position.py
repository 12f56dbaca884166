"""Closeness of all moving bodies to the reference."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from mimic_core import BodyModel, ConfigError, RewardSpec, StepView
from mimic_rewards.closeness import closeness, length_scale
from mimic_rewards.sources import MIMIC_MJX


@attrs.frozen
class BodyPosition:
    """Settings of the body-position term.

    Attributes:
        scale: α, 1/m²; None gives 1/e at a twentieth of the model's size (``extent`` of its MJCF).
    """

    scale: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))


def build(config: BodyPosition, model: BodyModel) -> Callable[[StepView], object]:
    """r = exp(−α Σ_b ‖x_b − x̂_b‖²) over the frame origins of the moving bodies, in (0, 1].

    Raises:
        ConfigError: none of the moving bodies has a name.
    """
    if not model.body_names:
        raise ConfigError(
            f"rewards.body_position: no moving body of {model.body.name} has a name; name them in its MJCF, "
            "or use rewards.keypoint"
        )
    return closeness(length_scale(config.scale, model), lambda step: step.body_pos - step.ref.body_pos)


spec = RewardSpec(
    name="body_position",
    config=BodyPosition,
    build=build,
    summary="closeness of all moving bodies, exp(−scale·Σ‖x−x̂‖²) over their frame origins",
    source=MIMIC_MJX,
)
