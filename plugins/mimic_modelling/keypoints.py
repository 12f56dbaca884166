"""Keypoints put on a model: where each comes to lie, and the site that marks it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from mimic_core import DataError, Place, did_you_mean
from mimic_modelling.names import free_name
from mimic_modelling.parts import bodies

if TYPE_CHECKING:
    import mujoco

_SITE_RGBA = "0.3 0.8 0.3 0.8"


def add_keypoints(
    tree: ET.Element, model: mujoco.MjModel, places: Mapping[str, Place], spread: float, path: Path, where: str
) -> dict[str, str]:
    """Add a site for every keypoint; return keypoint → site."""
    elements = {body.get("name", ""): body for body in bodies(tree)}
    elements["world"] = tree.find("worldbody")
    taken = {model.site(i).name for i in range(model.nsite)}
    sites = {}
    for keypoint, place in places.items():
        body, pos = _locate(model, place, f"{where}: keypoints.{keypoint}", path)
        if body not in elements:
            raise DataError(
                f"{where}: keypoints.{keypoint}: {path.name} makes body {body!r} by <replicate>, <composite> or "
                "<attach>, where no keypoint can be added; save the model with these written out"
            )
        sites[keypoint] = free_name(f"keypoint_{keypoint}", taken)
        taken.add(sites[keypoint])
        ET.SubElement(
            elements[body],
            "site",
            name=sites[keypoint],
            pos=" ".join(repr(float(x)) for x in pos),
            type="sphere",
            size=repr(spread / 4),
            rgba=_SITE_RGBA,
            group="2",
        )
    return sites


def _locate(model: mujoco.MjModel, place: Place, where: str, path: Path) -> tuple[str, np.ndarray]:
    """Return the body that a keypoint sits on, and where in that body's frame (m)."""
    if place.joint:
        return _at_joint(model, place, where, path)
    if place.site:
        site = named(model, "site", place.site, where, path)
        return model.body(model.site_bodyid[site]).name, model.site_pos[site]
    named(model, "body", place.body, where, path)
    return place.body, np.array(place.pos or (0.0, 0.0, 0.0))


def _at_joint(model: mujoco.MjModel, place: Place, where: str, path: Path) -> tuple[str, np.ndarray]:
    """Carry a joint's anchor into the frame of one of the bodies that it connects, in the reference pose."""
    import mujoco

    joint = named(model, "joint", place.joint, where, path)
    child = int(model.jnt_bodyid[joint])
    parent = int(model.body_parentid[child])
    body = named(model, "body", place.body, where, path) if place.body else parent or child
    if body not in (parent, child):
        names = " or ".join(repr(model.body(b).name) for b in (parent, child))
        raise DataError(f"{where}.body: joint {place.joint!r} does not connect {place.body!r}; expected {names}")
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    return model.body(body).name, data.xmat[body].reshape(3, 3).T @ (data.xanchor[joint] - data.xpos[body])


def named(model: mujoco.MjModel, kind: str, name: str, where: str, path: Path) -> int:
    """Return the number of a body, joint or site."""
    count = {"body": model.nbody, "joint": model.njnt, "site": model.nsite}[kind]
    names = [getattr(model, kind)(i).name for i in range(count)]
    if name not in names:
        known = did_you_mean(name, filter(None, names)) if any(names) else "; it has none with a name"
        raise DataError(f"{where}.{kind}: {path.name} has no {kind} {name!r}{known}")
    return names.index(name)
