"""From an MJCF file to a body.

The XML tree is edited and written as it is. ``MjSpec.to_xml()`` would round every number to six digits.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mimic_core import Body, DataError, Description
from mimic_mjcf import files, parts
from mimic_mjcf.keypoints import add_keypoints, named
from mimic_mjcf.own import name_actuators, take_actuators
from mimic_mjcf.torque import torque_limits_of

if TYPE_CHECKING:
    import mujoco


def read(description: Description) -> Body:
    """Make a body of an MJCF file; every number stays as the file has it.

    Included files are put in, the files of meshes, textures and height fields packed into ``Body.assets``, bodies
    and joints without a name named. Skins, keyframes and actuators are left out, and sensors that read actuators.
    Time step, integrator and solver are the model's. Torque limits of the description come before those that the
    model's own actuators tell (`torque_limits_of`).

    Raises:
        DataError: a file is missing or is no MJCF, MuJoCo rejects it, it is of a kind that a `Body` cannot hold, or a
            keypoint or torque limit names something that it does not have.
    """
    path = description.model
    tree = files.read(path)
    parts.remove(tree, ("skin", "keyframe"))
    assets = files.pack(tree, path)
    parts.set_root(tree, description.root, path)
    parts.name_parts(tree)
    name_actuators(tree)
    model = _compile(tree, assets, path)
    parts.check_joints(model, path)
    limits = {**torque_limits_of(model), **description.torque_limits}
    actuators = take_actuators(tree, model, path)
    sites = add_keypoints(tree, model, description.keypoints, description.keypoint_spread, path, description.where)
    for joint in description.torque_limits:
        named(model, "joint", joint, f"{description.where}: torque_limits", path)
    return Body(
        name=description.name,
        mjcf=ET.tostring(tree, encoding="unicode"),
        keypoints=sites,
        keypoint_spread=description.keypoint_spread,
        assets={file: base64.b64encode(data).decode("ascii") for file, data in assets.items()},
        actuators=actuators,
        torque_limits=limits,
        physics=parts.physics(model),
    )


def _compile(tree: ET.Element, assets: dict[str, bytes], path: Path) -> mujoco.MjModel:
    import mujoco

    try:
        return mujoco.MjModel.from_xml_string(ET.tostring(tree, encoding="unicode"), assets)
    except ValueError as e:
        raise DataError(f"{path}: MuJoCo cannot compile it: {' '.join(str(e).split())}") from e
