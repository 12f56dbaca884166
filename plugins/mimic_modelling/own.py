"""A model's own actuators, taken off its skeleton."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mimic_core import DataError, did_you_mean
from mimic_modelling.names import free_name

if TYPE_CHECKING:
    import mujoco

_ACTUATORS = "general motor position velocity intvelocity damper cylinder muscle adhesion dcmotor plugin".split()
_TARGETS = ("joint", "jointinparent", "tendon", "site", "body", "cranksite")


def name_actuators(tree: ET.Element) -> None:
    """Give a name to every actuator that has none: that of what it acts on."""
    every = [a for section in tree.findall("actuator") for a in section]
    taken = {a.get("name", "") for a in every}
    for actuator in every:
        if not actuator.get("name"):
            target = next((actuator.get(key) for key in _TARGETS if actuator.get(key)), actuator.tag)
            actuator.set("name", free_name(target, taken))
            taken.add(actuator.attrib["name"])


def take_actuators(tree: ET.Element, model: mujoco.MjModel, path: Path, remarks: list[str]) -> str:
    """Take the actuators and their defaults off a model, and what reads actuators; return them as MJCF.

    The range of lengths of a muscle is written down as MuJoCo found it on the whole model, so that it is found once.

    Raises:
        DataError: an actuator belongs to an engine plugin.
    """
    import mujoco

    sections = tree.findall("actuator")
    own = ET.Element("mujoco")
    for default in tree.findall("default"):
        kept = copy.deepcopy(default)
        _keep(kept, True)
        _keep(default, False)
        own.append(kept)
    actuators = ET.SubElement(own, "actuator")
    for section in sections:
        actuators.extend(section)
        tree.remove(section)
    for actuator in actuators:
        if actuator.tag == "plugin":
            raise DataError(
                f"{path}: actuator {actuator.get('name')!r} is of an engine plugin, which mimic cannot simulate; "
                "replace it by another one"
            )
        number = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_ACTUATOR, actuator.get("name"))
        if model.actuator_dyntype[number] == int(mujoco.mjtDyn.mjDYN_MUSCLE):
            actuator.set("lengthrange", " ".join(repr(float(x)) for x in model.actuator_lengthrange[number]))
    if gone := _remove_readers(tree):
        remarks.append(f"left out, since they read actuators: {', '.join(gone)}")
    return ET.tostring(own, encoding="unicode") if len(actuators) else ""


def _keep(default: ET.Element, actuators: bool) -> None:
    """Leave in a tree of defaults those of actuators alone, or all others."""
    for child in list(default):
        if child.tag == "default":
            _keep(child, actuators)
        elif (child.tag in _ACTUATORS) != actuators:
            default.remove(child)


def _remove_readers(tree: ET.Element) -> list[str]:
    gone = []
    for section in (*tree.iterfind("sensor"), *tree.iterfind("custom/tuple")):
        for child in [c for c in section if "actuator" in c.keys() or c.get("objtype") == "actuator"]:
            section.remove(child)
            gone.append(child.get("name") or child.tag)
    return gone


def emg_names(named: Mapping[str, str], model: mujoco.MjModel, where: str, path: Path) -> dict[str, str]:
    """Return what a lab calls its muscles, in lower case → the model's actuators.

    Raises:
        DataError: the model has no actuator of a name.
    """
    actuators = [model.actuator(i).name for i in range(model.nu)]
    for lab, muscle in named.items():
        if muscle not in actuators:
            known = did_you_mean(muscle, actuators) if actuators else "; it has no actuators"
            raise DataError(f"{where}: emg_muscles.{lab}: {path.name} has no muscle {muscle!r}{known}")
    return {lab.lower(): muscle for lab, muscle in named.items()}
