"""Turn the facts of `gilmer` into a `mimic_core.Body`: bodies in frames of their own, joined at frames of joints.

Muscles are MuJoCo's actuators as the model has them (`Body.actuators`), since optimal and slack length are known and
paths wrap cylinders. Fibre length is path length less slack length, in units of L₀·cos α₀, and force F₀·cos α₀: the
tendon does not stretch and pennation keeps its angle at optimal length.
"""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from scipy.spatial.transform import Rotation

from mimic_core import Body, Physics
from mimic_mouse_forelimb import facts
from mimic_mouse_forelimb.builder import add, keypoint_site, marks, scenery, settings

VARIANT = "gilmer"
WORLD = "world"
_FIBRE_RANGE = (0.5, 1.5)
"""Fibre lengths, in optimal ones, at which MuJoCo is told path lengths; any two say the same."""
_WRAP_GROUP = 3
_WRAP_RGBA = (0.5, 0.5, 0.9, 0.3)
_MUSCLE_WIDTH, _MUSCLE_RGBA = 1e-4, (0.9, 0.0, 0.0, 0.5)


def build_body(variant: str = VARIANT) -> Body:
    """Build the forelimb of Gilmer et al. 2025.

    Raises:
        ConfigError: there is no such variant.
    """
    table = facts.load(variant)
    return Body(
        name="mouse_forelimb",
        variant=variant,
        mjcf=_mjcf(table),
        actuators=_actuators(table),
        keypoints={name: keypoint_site(name) for name in table["keypoints"]},
        keypoint_spread=table["registration"]["keypoint_spread"],
        emg_muscles=table["emg"],
        physics=Physics(**table["physics"]),
    )


def _mjcf(table: dict[str, Any]) -> str:
    root = ET.Element("mujoco", model="mouse_forelimb")
    settings(root, {**table, "compile": table["physics"]}, angle="radian")
    world = ET.SubElement(root, "worldbody")
    scenery(world, table["camera"])
    elements = {WORLD: world}
    for name, link in table["links"].items():
        child, place = link["child"], _place(link)
        if link["parent"] == WORLD:
            place = ground(table) @ place
        elements[child] = add(elements[link["parent"]], "body", name=child, **_pose(place))
        body = table["bodies"][child]
        if body["mass"]:
            add(elements[child], "inertial", pos=body["mass_pos"], mass=body["mass"], diaginertia=body["inertia"])
        for joint, own in table["joints"].items():
            if own["link"] == name:
                axis = Rotation.from_euler("XYZ", link["child_euler"]).apply(_unit(own["axis"])).tolist()
                add(elements[child], "joint", name=joint, pos=link["child_pos"], axis=axis, range=own["range"])
    for name, wrap in table["wraps"].items():
        _wrap(elements[wrap["body"]], name, wrap)
    marks(elements, table)
    _paths(root, table)
    keys = ET.SubElement(root, "keyframe")
    add(keys, "key", name="reference", qpos=[joint["reference"] for joint in table["joints"].values()])
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def ground(table: dict[str, Any]) -> np.ndarray:
    """Return (4, 4) where the source's ground is in the world: the shoulder's centre is put where `paper` has it."""
    out = np.eye(4)
    out[:3, :3] = table["placement"]["axes"]
    fixed = next(link for link in table["links"].values() if link["parent"] == WORLD)
    shoulder = out @ _place(fixed) @ [*table["links"]["shoulder"]["parent_pos"], 1.0]
    out[:3, 3] = table["placement"]["shoulder_pos"] - shoulder[:3]
    return out


def _place(link: dict[str, Any]) -> np.ndarray:
    """(4, 4) the child's frame in the parent's, where joints are at 0 and what is held is as it is held."""
    parent, child = (_frame(link[f"{of}_pos"], link[f"{of}_euler"]) for of in ("parent", "child"))
    held = np.eye(4)
    if "held_at" in link:
        held[:3, :3] = Rotation.from_rotvec(link["held_at"] * _unit(link["held_axis"])).as_matrix()
    return parent @ held @ np.linalg.inv(child)


def _frame(pos: list[float], euler: list[float]) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = Rotation.from_euler("XYZ", euler).as_matrix(), pos
    return out


def _unit(axis: list[float]) -> np.ndarray:
    return np.array(axis) / np.linalg.norm(axis)


def _pose(place: np.ndarray) -> dict[str, list[float]]:
    quat = Rotation.from_matrix(place[:3, :3]).as_quat(scalar_first=True)
    return {"pos": place[:3, 3].tolist(), "quat": quat.tolist()}


def _wrap(body: ET.Element, name: str, wrap: dict[str, Any]) -> None:
    size = (wrap["radius"], wrap["length"] / 2)
    add(body, "geom", name=name, type="cylinder", size=size, **_pose(_frame(wrap["pos"], wrap["euler"])),
        group=_WRAP_GROUP, rgba=_WRAP_RGBA)  # fmt: skip


def _paths(root: ET.Element, table: dict[str, Any]) -> None:
    tendons = ET.SubElement(root, "tendon")
    for name, muscle in table["muscles"].items():
        tendon = add(tendons, "spatial", name=name, width=_MUSCLE_WIDTH, rgba=_MUSCLE_RGBA)
        for part in muscle["path"]:
            kind = "geom" if part in table["wraps"] else "site"
            add(tendon, kind, **{kind: part})


def _actuators(table: dict[str, Any]) -> str:
    root = ET.Element("mujoco")
    actuators = ET.SubElement(root, "actuator")
    for name, own in table["muscles"].items():
        muscle = {**table["muscle_defaults"], **own}
        cosine = float(np.cos(muscle["pennation"]))
        low, high = (muscle["slack_length"] + x * muscle["optimal_length"] * cosine for x in _FIBRE_RANGE)
        add(
            actuators,
            "muscle",
            name=name,
            tendon=name,
            ctrllimited="true",
            ctrlrange=(0.0, 1.0),
            force=muscle["max_isometric_force"] * cosine,
            lengthrange=(low, high),
            range=_FIBRE_RANGE,
            timeconst=(muscle["activation_time"], muscle["deactivation_time"]),
            lmin=muscle["length_min"],
            lmax=muscle["length_max"],
            vmax=muscle["max_shortening_velocity"],
            fpmax=muscle["passive_force"],
            fvmax=muscle["eccentric_force"],
        )
    return ET.tostring(root, encoding="unicode")
