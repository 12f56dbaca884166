"""A keyframe of a model as the body's reference pose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from mimic_core import DataError, did_you_mean

if TYPE_CHECKING:
    import mujoco


def pose(whole: mujoco.MjModel, model: mujoco.MjModel, name: str, where: str, path: Path) -> np.ndarray:
    """Return the keyframe's pose in ``model``, which may lack a free joint of ``whole`` or have one more.

    Raises:
        DataError: there is no such keyframe.
    """
    names = [whole.key(i).name for i in range(whole.nkey)]
    if name not in names:
        known = did_you_mean(name, filter(None, names)) if any(names) else "; it has none with a name"
        raise DataError(f"{where}: keyframe: {path.name} has no keyframe {name!r}{known}")
    qpos, found = model.qpos0.copy(), whole.key_qpos[names.index(name)]
    there = {whole.joint(j).name: whole.joint(j) for j in range(whole.njnt)}
    for joint in map(model.joint, range(model.njnt)):
        if joint.name in there:
            at, size = there[joint.name].qposadr[0], len(joint.qpos0)
            qpos[joint.qposadr[0] : joint.qposadr[0] + size] = found[at : at + size]
    return qpos


def add(tree: ET.Element, qpos: np.ndarray, name: str) -> None:
    """Make a pose the only keyframe of a model."""
    key = " ".join(repr(float(x)) for x in qpos)
    ET.SubElement(ET.SubElement(tree, "keyframe"), "key", name=name, qpos=key)
