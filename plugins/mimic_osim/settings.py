"""What a description of an OpenSim model may say beside what every description says, and settings of the formats."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mimic_modelling.settings import Settings as ModelSettings

_positive = attrs.validators.gt(0)
FOLLOW, FIXED = "follow", "fixed"


def _is_range(instance: object, attribute: attrs.Attribute, value: Mapping[str, tuple[float, float]]) -> None:
    for name, (low, high) in value.items():
        if not low < high:
            raise ValueError(f"{name}: the lower end must be below the upper one, got {low:g} and {high:g}")


@attrs.frozen
class Settings(ModelSettings):
    """What a description of an OpenSim model may say beside what every description says.

    Attributes:
        range: coordinate → lowest and highest value, deg (m for a translation), in place of the model's. Coupled
            coordinates are fitted over the range of what they follow: a range that is no wider than the movement makes
            that fit closer.
        moving_points: ``follow`` lets a path point whose place depends on a coordinate move on joints of its own, which
            follow that coordinate; ``fixed`` leaves it where it is in the default pose, with fewer joints.
        timestep_ms: step of the physics.
    """

    range: Mapping[str, tuple[float, float]] = attrs.field(factory=dict, validator=_is_range)
    moving_points: str = attrs.field(default=FOLLOW, validator=attrs.validators.in_((FOLLOW, FIXED)))
    timestep_ms: float = attrs.field(default=1.25, validator=_positive)


@attrs.frozen
class MovementSettings:
    """Settings of the `opensim` format of movements.

    Attributes:
        rate_hz: frames per second of the clips that are read; None takes the file's own rate, which must then be even.
        degrees: for a file that is read and whose header has no ``inDegrees``; angles are written in degrees if true.
        clip: the clip that is written, by name; empty for the first.
    """

    rate_hz: float | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    degrees: bool | None = None
    clip: str = ""


@attrs.frozen
class ExportSettings:
    """Settings of the `opensim_rollouts` format.

    Attributes:
        content: ``states`` (coordinates, speeds and activations, as OpenSim names state variables), ``controls``
            (excitations), ``coordinates`` alone, or ``forces`` of muscles along their tendons.
        clip: the clip to write, by name; empty for the only one or the first that was held out.
        degrees: angles in degrees.
    """

    content: str = attrs.field(
        default="states", validator=attrs.validators.in_(("states", "controls", "coordinates", "forces"))
    )
    clip: str = ""
    degrees: bool = False
