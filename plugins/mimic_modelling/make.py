"""From a tree of MJCF and a description to a body.

The XML tree is edited and written as it is. ``MjSpec.to_xml()`` would round every number to six digits.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mimic_core import Body, DataError, Description
from mimic_modelling import keyframe, parts
from mimic_modelling.keypoints import add_keypoints
from mimic_modelling.own import emg_names, name_actuators, take_actuators
from mimic_modelling.settings import UNITS, Settings
from mimic_modelling.torque import torque_limits
from mimic_modelling.without import leave_out
from mimic_modelling.wraps import set_sides

if TYPE_CHECKING:
    import mujoco


def make_body(
    tree: ET.Element, assets: dict[str, bytes], description: Description, settings: Settings, remarks: list[str]
) -> Body:
    """Make a body of a whole model in MJCF; every number stays as the tree has it.

    Bodies, joints and actuators without a name get one. The model's own actuators go to ``Body.actuators``. Keyframes
    but the chosen one and sensors that read actuators are left out, see ``Body.remarks``. Time step,
    integrator and solver are the model's. Torque limits: see `mimic_modelling.torque.torque_limits`.

    Args:
        tree: the model, ``<mujoco>``, which is changed.
        assets: file name → content of the files that it names.
        description: its ``model`` is named in messages.
        remarks: lines that are put before those from here.

    Raises:
        DataError: MuJoCo rejects the model, it is of a kind that a `Body` cannot hold, or a keypoint, keyframe, torque
            limit or muscle of the description is something that it does not have.
    """
    path = description.model
    parts.name_parts(tree)
    name_actuators(tree)
    frames = tree.findall("keyframe")
    whole = _compile(tree, assets, path) if settings.keyframe else None
    others = [n for n in parts.remove(tree, "key") if n != settings.keyframe]
    for section in frames:
        tree.remove(section)
    if others:
        remarks.append(f"keyframes left out: {', '.join(others)}")
    leave_out(tree, settings.without, description.where, path, remarks)
    if settings.floor is not None:
        parts.add_floor(tree, settings.floor, description.where, path)
    parts.set_root(tree, description.root, path, remarks)
    parts.name_parts(tree)
    model = _compile(tree, assets, path)
    parts.check_joints(model, path)
    if set_sides(tree, model, settings.wraps, description.where, path, remarks):
        model = _compile(tree, assets, path)
    if whole is not None:
        keyframe.add(tree, keyframe.pose(whole, model, settings.keyframe, description.where, path), settings.keyframe)
    unit = UNITS[settings.length_unit]
    spread = description.keypoint_spread / unit
    sites = add_keypoints(tree, model, description.keypoints, spread, path, description.where)
    limits = torque_limits(model, description.torque_limits, settings.torque_limit_gravity, description.where, path)
    emg = emg_names(settings.emg_muscles, model, description.where, path)
    actuators = take_actuators(tree, model, path, remarks)
    return Body(
        name=description.name,
        mjcf=ET.tostring(tree, encoding="unicode"),
        keypoints=sites,
        keypoint_spread=spread,
        length_unit=unit,
        scale=unit,
        assets={file: base64.b64encode(data).decode("ascii") for file, data in assets.items()},
        actuators=actuators,
        torque_limits=limits,
        remarks=tuple(remarks),
        emg_muscles=emg,
        physics=parts.physics(model),
    )


def _compile(tree: ET.Element, assets: dict[str, bytes], path: Path) -> mujoco.MjModel:
    import mujoco

    try:
        return mujoco.MjModel.from_xml_string(ET.tostring(tree, encoding="unicode"), assets)
    except ValueError as e:
        said = " ".join(str(e).split())
        number = re.search(r"actuator (\d+)", said)  # MuJoCo names some actuators by number alone
        every = [a.get("name") for section in tree.findall("actuator") for a in section]
        which = (
            f" (actuator {number[1]} is {every[int(number[1])]!r})" if number and int(number[1]) < len(every) else ""
        )
        raise DataError(f"{path}: MuJoCo cannot compile it: {said}{which}") from e
