"""Read a description of a body (TOML) and build the body."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from mimic_core import Body, ConfigError, read_toml, structure
from mimic_mjcf.mjcf import ROOTS, Place, body_from_mjcf, find_mjcf

_positive = attrs.validators.gt(0)


@attrs.frozen(kw_only=True)
class Description:
    """What a description file says.

    Attributes:
        name: the body's name.
        mjcf: the model: a path, relative to the description, or ``package:NAME/PATH`` in an installed Python package.
        root: ``free`` gives the first body a free joint if the model has none, ``fixed`` takes free joints away,
            ``model`` changes nothing.
        keypoint_spread_mm: how far a registration should expect a keypoint to be from the place given here.
        keypoints: keypoint → its place.
        torque_limits: joint → N·m (N for a slide), where the model's own actuators do not say it or say it wrong.
    """

    name: str = attrs.field(validator=attrs.validators.min_len(1))
    mjcf: str = attrs.field(validator=attrs.validators.min_len(1))
    root: str = attrs.field(default="model", validator=attrs.validators.in_(ROOTS))
    keypoint_spread_mm: float = attrs.field(validator=_positive)
    keypoints: Mapping[str, Place] = attrs.field(validator=attrs.validators.min_len(2))
    torque_limits: Mapping[str, float] = attrs.field(
        factory=dict, validator=attrs.validators.deep_mapping(value_validator=_positive)
    )


def build_body(file: str) -> Body:
    """Build the body that a description file describes.

    Raises:
        ConfigError: the file is not valid TOML, or a setting in it is unknown or wrong.
        DataError: the model is missing or cannot be used, or has no body, joint or site of a name.
    """
    if not file:
        raise ConfigError("body mjcf: is built from a description; name its file: --body my_animal.toml")
    path = Path(file)
    table = read_toml(path)
    try:
        description = structure(table, Description, "")
    except ConfigError as e:
        raise ConfigError(f"{path}: {str(e).removeprefix('.')}") from e
    return body_from_mjcf(
        find_mjcf(description.mjcf, path.parent),
        name=description.name,
        keypoints=description.keypoints,
        keypoint_spread=description.keypoint_spread_mm * 1e-3,
        root=description.root,
        torque_limits=description.torque_limits,
        where=str(path),
    )
