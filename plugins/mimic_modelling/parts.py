"""What a body must have of a model, and must not: root, names, joints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np

from mimic_core import DataError, Physics
from mimic_modelling.names import free_name
from mimic_modelling.without import remove_users

if TYPE_CHECKING:
    import mujoco


def bodies(tree: ET.Element) -> Iterator[ET.Element]:
    """Every body of a model, parents first."""
    for world in tree.findall("worldbody"):
        yield from world.iter("body")


def _joints(body: ET.Element) -> list[ET.Element]:
    return [child for child in body if child.tag in ("joint", "freejoint")]


def _is_free(joint: ET.Element) -> bool:
    return joint.tag == "freejoint" or joint.get("type") == "free"


def set_root(tree: ET.Element, root: str, path: Path, remarks: list[str]) -> None:
    """Add or remove the free joint, and with it what acts on it or reads it, which is added to ``remarks``."""
    free = [(body, joint) for body in bodies(tree) for joint in _joints(body) if _is_free(joint)]
    if root == "fixed":
        for body, joint in free:
            body.remove(joint)
            if name := joint.get("name"):
                lost = remove_users(tree, {("joint", name)})
                remarks += (
                    [f"left out with the free joint {name}, which they need: {', '.join(n for _, n in lost)}"]
                    if lost
                    else []
                )
    if root != "free" or free:
        return
    first = next(bodies(tree), None)
    if first is None or _joints(first):
        what = "no body" if first is None else f"joints of its own on the first body {first.get('name', '')!r}"
        raise DataError(f'{path}: has {what}, so it cannot be given a free joint; leave root = "free" out')
    first.insert(0, ET.Element("freejoint"))


def name_parts(tree: ET.Element) -> None:
    """Give a name to every body and joint that has none, since mimic knows them by name."""
    named = {body.get("name", "") for body in bodies(tree)}
    joints = {joint.get("name", "") for body in bodies(tree) for joint in _joints(body)}
    for body in bodies(tree):
        name = _name(body, "body", named)
        for joint in _joints(body):
            _name(joint, "root" if _is_free(joint) else f"{name}_joint", joints)


def _name(element: ET.Element, name: str, taken: set[str]) -> str:
    if not element.get("name"):
        element.set("name", free_name(name, taken))
        taken.add(element.attrib["name"])
    return element.attrib["name"]


def add_floor(tree: ET.Element, height: float, where: str, path: Path) -> None:
    """Give the world a plane that everything may touch.

    Raises:
        DataError: it has one.
    """
    for world in tree.findall("worldbody"):
        for geom in world.findall("geom"):
            if geom.get("type") == "plane":
                raise DataError(f"{where}: floor: {path.name} has the plane {geom.get('name', '')!r}; leave floor out")
    geoms = {geom.get("name", "") for geom in tree.iter("geom")}
    plane = ET.SubElement(tree.find("worldbody"), "geom", name=free_name("floor", geoms), type="plane")
    plane.attrib |= {"size": "0 0 1", "pos": f"0 0 {height!r}", "contype": "1", "conaffinity": "1"}


def check_joints(model: mujoco.MjModel, path: Path) -> None:
    """Refuse more than one free joint."""
    import mujoco

    def of(kind: int) -> list[str]:
        return [model.joint(j).name for j in np.flatnonzero(model.jnt_type == int(kind))]

    if len(free := of(mujoco.mjtJoint.mjJNT_FREE)) > 1:
        raise DataError(f"{path}: has the free joints {', '.join(free)}; leave only the animal's own in the model")


def remove(tree: ET.Element, tag: str) -> list[str]:
    """Remove every element with the tag; return their names, or what else tells them apart."""
    gone = []
    for parent in list(tree.iter()):
        for child in [c for c in parent if c.tag == tag]:
            parent.remove(child)
            gone.append(child.get("name") or child.get("file") or tag)
    return gone


def physics(model: mujoco.MjModel) -> Physics:
    """Time step, integrator and solver of a model."""
    import mujoco

    integrator = mujoco.mjtIntegrator(model.opt.integrator).name.removeprefix("mjINT_").lower()
    return Physics(
        timestep=float(model.opt.timestep),
        integrator="implicitfast" if integrator == "implicit" else integrator,
        solver=mujoco.mjtSolver(model.opt.solver).name.removeprefix("mjSOL_").lower(),
        iterations=int(model.opt.iterations),
        ls_iterations=int(model.opt.ls_iterations),
    )
