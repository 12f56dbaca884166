"""Put the keypoints of ``body.toml`` on dm_control's rat."""

from __future__ import annotations

import importlib.util
import tomllib
from importlib.resources import files
from pathlib import Path

from mimic_core import Body, ConfigError, structure
from mimic_mjcf.mjcf import Place, body_from_mjcf, find_mjcf

_PACKAGE, _INSIDE = "dm_control", "locomotion/walkers/assets/rodent.xml"


def build_body(mjcf: str) -> Body:
    """Build the rat on the model in the file ``mjcf``; empty takes the one in the installed dm_control.

    Raises:
        ConfigError: no file is given and dm_control is not installed.
        DataError: there is no such file, or it is another model.
    """
    if not mjcf and importlib.util.find_spec(_PACKAGE) is None:
        raise ConfigError(
            "body rodent: its model comes with dm_control, which is not installed; pip install 'mimic-neuro[rodent]', "
            "or name the file: --set body.mjcf=/path/to/rodent.xml"
        )
    table = tomllib.loads(files("mimic_rodent").joinpath("body.toml").read_text("utf-8"))
    return body_from_mjcf(
        find_mjcf(mjcf or f"package:{_PACKAGE}/{_INSIDE}", Path()),
        name=table["name"],
        keypoints=structure(table["keypoints"], dict[str, Place], "rodent.keypoints"),
        keypoint_spread=table["registration"]["keypoint_spread"],
        root="free",
        torque_limits=table["torque_limits"],
        where="body rodent",
    )
