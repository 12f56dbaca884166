"""Turn the facts table into a `mimic_core.Body`.

The skeleton is written as text here, and not by ``MjSpec.to_xml()``, because that rounds numbers to six
digits: every number below is written so that it reads back exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree as ET

from mimic_core import Body, Muscle, Physics
from mimic_mouse_forelimb import facts

_INTEGRATORS = {"euler": "Euler", "implicitfast": "implicitfast", "rk4": "RK4"}
_SITE_SIZE = 2e-4
_MUSCLE_SITE_RGBA = (0.1, 0.2, 0.6, 0.5)
_KEYPOINT_RGBA = (0.3, 0.8, 0.3, 0.8)
_SITE_GROUP, _KEYPOINT_GROUP = 3, 2
"""Attachment points are hidden in a viewer until asked for (groups above 2 are); keypoints show."""


def build_body(variant: str) -> Body:
    """Build the mouse forelimb.

    Raises:
        ConfigError: there is no such variant.
    """
    table = facts.load(variant)
    return Body(
        name="mouse_forelimb",
        variant=variant,
        mjcf=_mjcf(table),
        keypoints={name: keypoint_site(name) for name in table["keypoints"]},
        keypoint_spread=table["registration"]["keypoint_spread"],
        muscles=tuple(_muscle(name, m, table["muscle_defaults"]) for name, m in table["muscles"].items()),
        reserves={name: joint["reserve"] for name, joint in table["joints"].items() if "reserve" in joint},
        emg_muscles=table["emg"],
        physics=Physics(**table["physics"]),
    )


def keypoint_site(name: str) -> str:
    """Return the name of a keypoint's site."""
    return f"keypoint_{name}"


def _muscle(name: str, own: dict[str, Any], defaults: dict[str, Any]) -> Muscle:
    return Muscle(
        name=name,
        path=tuple(own["path"]),
        max_isometric_force=own["max_isometric_force"],
        operating_range=tuple(own["operating_range"]),
        **defaults,
    )


def _mjcf(table: dict[str, Any]) -> str:
    root = ET.Element("mujoco", model="mouse_forelimb")
    settings(root, table)
    world = ET.SubElement(root, "worldbody")
    scenery(world, table["camera"])
    elements = {"world": world}
    for name, body in table["bodies"].items():
        elements[name] = _body(elements[body["parent"]], name, body)
    for name, joint in table["joints"].items():
        _joint(elements[joint["body"]], name, joint)
    marks(elements, table)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def marks(elements: dict[str, ET.Element], table: dict[str, Any]) -> None:
    """Add the points of muscles' paths, the keypoints and the bones to the bodies, ``elements`` by name."""
    for body, sites in table["sites"].items():
        for name, pos in sites.items():
            add(elements[body], "site", name=name, pos=pos, size=_SITE_SIZE, rgba=_MUSCLE_SITE_RGBA, group=_SITE_GROUP)
    for name, keypoint in table["keypoints"].items():
        add(
            elements[keypoint["body"]],
            "site",
            name=keypoint_site(name),
            pos=keypoint["pos"],
            size=1.5 * _SITE_SIZE,
            rgba=_KEYPOINT_RGBA,
            group=_KEYPOINT_GROUP,
        )
    for name, shape in table["shapes"].items():
        bone(elements[shape["body"]], name, shape)


def settings(root: ET.Element, table: dict[str, Any], angle: str = "degree") -> None:
    """Add options, defaults and what pictures need; ``angle`` is the unit of angles."""
    compiling, joint, camera = table["compile"], table["joint_defaults"], table["camera"]
    compiler = add(root, "compiler", angle=angle, eulerseq="xyz")
    if "length_range_timestep" in compiling:
        add(compiler, "lengthrange", mode="muscle", timestep=compiling["length_range_timestep"])
    add(
        root,
        "option",
        timestep=compiling["timestep"],
        integrator=_INTEGRATORS[compiling["integrator"]],
        solver=compiling["solver"].upper(),
        iterations=compiling["iterations"],
        ls_iterations=compiling["ls_iterations"],
    )
    default = ET.SubElement(root, "default")
    add(
        default,
        "joint",
        limited="true",
        armature=joint["armature"],
        damping=joint["damping"],
        stiffness=joint["stiffness"],
        solreflimit=joint["limit_solref"],
        solimplimit=joint["limit_solimp"],
    )
    add(default, "geom", mass=0.0, contype=0, conaffinity=0)
    # Pictures only: MuJoCo guesses the scene's size from the bodies, and guesses badly for one this small.
    add(root, "statistic", center=camera["center"], extent=camera["extent"])
    visual = ET.SubElement(root, "visual")
    add(visual, "global", offwidth=1280, offheight=960)
    add(visual, "headlight", ambient=(0.35, 0.35, 0.35), diffuse=(0.45, 0.45, 0.45), specular=(0.1, 0.1, 0.1))
    assets = ET.SubElement(root, "asset")
    add(
        assets,
        "texture",
        type="skybox",
        builtin="gradient",
        rgb1=(1.0, 1.0, 1.0),
        rgb2=(0.78, 0.84, 0.9),
        width=256,
        height=256,
    )


def scenery(world: ET.Element, camera: dict[str, Any]) -> None:
    """Add the light and the camera."""
    add(
        world,
        "light",
        type="directional",
        pos=(0.03, -0.02, 0.05),
        dir=(-0.5, 0.3, -1.0),
        diffuse=(0.5, 0.5, 0.5),
        castshadow="false",
    )
    add(world, "camera", name=camera["name"], pos=camera["pos"], xyaxes=camera["xyaxes"], fovy=camera["fovy_deg"])


def _body(parent: ET.Element, name: str, body: dict[str, Any]) -> ET.Element:
    element = add(parent, "body", name=name, pos=body["pos"], euler=body["euler_deg"])
    if "mass" in body:
        add(element, "inertial", pos=body["mass_pos"], mass=body["mass"], diaginertia=body["inertia"])
    return element


def _joint(body: ET.Element, name: str, joint: dict[str, Any]) -> None:
    kind = joint.get("type", "hinge")
    own = {k: joint[k] for k in ("armature", "damping", "stiffness") if k in joint}
    limits = joint["range_deg"] if kind == "hinge" else joint["range"]
    add(body, "joint", name=name, type=kind, pos=(0.0, 0.0, 0.0), axis=joint["axis"], range=limits, **own)


def bone(body: ET.Element, name: str, shape: dict[str, Any]) -> None:
    """Add the shape of a bone, which has no mass and touches nothing."""
    place = {"fromto": [*shape["from"], *shape["to"]]} if "from" in shape else {"pos": shape["pos"]}
    add(body, "geom", name=f"bone_{name}", type=shape["type"], size=shape["size"], rgba=shape["rgba"], **place)


def add(parent: ET.Element, tag: str, **attributes: str | float | Sequence[float]) -> ET.Element:
    """Add an element whose numbers read back exactly."""
    return ET.SubElement(parent, tag, {k: _text(v) for k, v in attributes.items()})


def _text(value: str | float | Sequence[float]) -> str:
    """Write a value so that every number reads back exactly."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return repr(value)
    return " ".join(repr(v) for v in value)
