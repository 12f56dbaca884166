"""Bodies and joints of an OpenSim model as MJCF."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import numpy as np

from mimic_core import DataError
from mimic_osim.coordinates import Coordinates
from mimic_osim.joints import Axis, Joint
from mimic_osim.laws import Fit
from mimic_osim.opened import GROUND, Frame, Opened, each, vector

STIFF = {"solref": "0.004 1", "solimp": "0.9999 0.9999 0.001 0.5 2"}
"""How hard MuJoCo holds a coupling: forces of muscles and weight must not open it by more than µm."""
_TINY = 1e-7
"""Mass of a massless body, as a share of the model's: MuJoCo moves none that has no mass."""
_UP = Frame(np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]]))
"""From OpenSim's ground, y up, to MuJoCo's world, z up."""


@attrs.frozen(eq=False)
class Skeleton:
    """The tree that is built, and what was put where.

    Attributes:
        tree: ``<mujoco>``.
        elements: body → its element; the ground is the ``<worldbody>``.
        frames: element's frame in that body's frame: identity but for the ground, whose y points up.
        joints: names of MuJoCo's joints, each with the coordinate that it is, or None where it follows one.
        followers: joint → (driver, fit) for every joint that follows another.
        mass: of the model, kg.
    """

    tree: ET.Element
    elements: dict[str, ET.Element]
    frames: dict[str, Frame]
    joints: dict[str, str | None]
    followers: dict[str, tuple[str, Fit]]
    mass: float

    def add_follower(self, joint: str, driver: str, fit: Fit) -> None:
        """Tie a joint to another one."""
        section = self.tree.find("equality")
        coef = " ".join(repr(float(c)) for c in fit.coef)
        ET.SubElement(section, "joint", name=f"{joint}_follows", joint1=joint, joint2=driver, polycoef=coef, **STIFF)
        self.followers[joint] = (driver, fit)
        self.joints[joint] = None

    def place(self, body: str, pos: np.ndarray) -> tuple[ET.Element, str]:
        """Return the element of a body, and a point of that body (3,) m as MJCF."""
        f = self.frames[body]
        return self.elements[body], numbers(f.pos + f.turn @ pos)

    def frame(self, body: str, f: Frame) -> tuple[ET.Element, dict[str, str]]:
        """Return the element of a body, and a frame in that body as MJCF."""
        g = self.frames[body] @ f
        return self.elements[body], {"pos": numbers(g.pos), "quat": numbers(g.quat)}


def numbers(x: Iterable[float]) -> str:
    """Return numbers as MJCF has them, in full precision."""
    return " ".join(repr(float(v) + 0.0) for v in x)


def build_skeleton(
    opened: Opened, coordinates: Coordinates, joints: list[Joint], free_root: str, timestep: float, remarks: list[str]
) -> Skeleton:
    """Build bodies, joints and couplings.

    Args:
        free_root: joint that becomes MuJoCo's free joint, or empty.
        timestep: s.

    Raises:
        DataError: the model has no body that moves, or its bodies are no tree.
    """
    tree = ET.Element("mujoco", model=opened.model.getName() or opened.path.stem)
    ET.SubElement(tree, "compiler", angle="radian", autolimits="true")
    gravity = vector(opened.model.getGravity())
    upright = _UP if gravity[1] != 0 and not gravity[[0, 2]].any() else Frame()
    ET.SubElement(
        tree,
        "option",
        timestep=repr(timestep),
        integrator="implicitfast",
        solver="Newton",
        iterations="30",
        ls_iterations="20",
        gravity=numbers(upright.turn @ gravity),
    )
    world = ET.SubElement(tree, "worldbody")
    ET.SubElement(tree, "equality")
    bodies = {b.getName(): b for b in each(opened.model.getBodySet())}
    mass = sum(float(b.getMass()) for b in bodies.values())
    if bodies and not mass > 0:
        raise DataError(
            f"{opened.path}: none of its {len(bodies)} bodies has a mass, so nothing can move it; give them the masses "
            "of the animal or person in OpenSim's application"
        )
    out = Skeleton(tree, {GROUND: world}, {GROUND: upright}, {}, {}, mass)
    carriers = _carriers(joints, coordinates)
    massless: list[str] = []
    changed: list[str] = []
    for joint in _in_order(joints, remarks):
        free = joint.name == free_root
        _add_body(out, joint, bodies[joint.child], carriers, coordinates, free, massless, changed)
        out.frames[joint.child] = Frame()
    if len(out.elements) == 1:
        raise DataError(f"{opened.path}: has no body that a joint holds; open and save it in OpenSim's application")
    if massless:
        remarks.append(f"massless bodies are given {_TINY * mass:.2g} kg each: {', '.join(massless)}")
    if changed:
        remarks.append(f"moments of inertia that no solid body has are mended: {', '.join(changed)}")
    _add_lost_coordinates(out, coordinates, carriers, remarks)
    for name, c in coordinates.every.items():
        if c.driver and name in out.joints:
            fitted = coordinates.fitted(c.law, c.driver)
            _say(name, c.driver, fitted, c.turns, coordinates, remarks)
            out.add_follower(name, c.driver, fitted)
    for joint in joints:
        for axis in joint.axes:
            if axis.coordinate and axis.label in out.followers:
                _say(axis.label, axis.coordinate, axis.fit, not axis.slides, coordinates, remarks)
    return out


def _say(name: str, driver: str, fitted: Fit, turns: bool, coordinates: Coordinates, remarks: list[str]) -> None:
    if fitted.linear:
        return
    error = f"{np.rad2deg(fitted.error):.2g}°" if turns else f"{1000 * fitted.error:.2g} mm"
    low, high = coordinates.reach(driver)
    over = (
        f"{np.rad2deg(low):.0f} to {np.rad2deg(high):.0f}°"
        if coordinates[driver].turns
        else f"{low:.3g} to {high:.3g} m"
    )
    remarks.append(f"{name} follows {driver} by a polynomial of 4th order, off by at most {error} over {over}")


def _in_order(joints: list[Joint], remarks: list[str]) -> list[Joint]:
    """Joints from the ground outwards; one that closes a loop is left out."""
    waiting, there, out = list(joints), {GROUND}, []
    while waiting:
        ready = next((j for j in waiting if j.parent in there), None)
        if ready is None:
            remarks.append(f"joints that hang on no other are left out: {', '.join(j.name for j in waiting)}")
            break
        waiting.remove(ready)
        if ready.child in there:
            remarks.append(f"joint {ready.name} closes a loop of bodies; left out")
            continue
        there.add(ready.child)
        out.append(ready)
    return out


def _carriers(joints: list[Joint], coordinates: Coordinates) -> dict[str, str]:
    """Return coordinate → label of the one axis that is this coordinate, a turn for an angle."""
    found: dict[str, Axis] = {}
    for axis in (a for j in joints for a in j.axes if a.carries):
        before = found.get(axis.coordinate)
        fits = axis.slides != coordinates[axis.coordinate].turns
        if before is None or (fits and before.slides == coordinates[axis.coordinate].turns):
            found[axis.coordinate] = axis
    return {name: axis.label for name, axis in found.items()}


def _add_body(
    out: Skeleton,
    joint: Joint,
    body: Any,
    carriers: Mapping[str, str],
    coordinates: Coordinates,
    free: bool,
    massless: list[str],
    changed: list[str],
) -> None:
    """Add the child body of a joint with the joint's axes."""
    slides, turns = ([a for a in joint.axes if a.slides == s] for s in (True, False))
    start = Frame(_turned(turns), sum((a.axis * a.fit.coef[0] for a in slides), np.zeros(3)))
    parent, pose = out.frame(joint.parent, joint.before @ start @ joint.after.inverse)
    element = ET.SubElement(parent, "body", name=joint.child, **pose)
    out.elements[joint.child] = element
    light = not float(body.getMass()) > 0
    if light and (free or any(a.coordinate for a in joint.axes)):
        mass = _TINY * out.mass
        ET.SubElement(element, "inertial", pos="0 0 0", mass=repr(mass), diaginertia=numbers([1e-6 * mass] * 3))
        massless.append(joint.child)
    elif not light:
        _add_inertia(element, body, changed)
    if free:
        ET.SubElement(element, "freejoint", name=joint.name)
        return
    # in the child's frame, as it is at 0: a slide's axis, which the parent's frame has, and a turn's
    into_child = joint.after.turn
    rest = _turned([])
    for axis in slides:
        _add_joint(
            out, element, axis, into_child @ start.turn.T @ axis.axis, joint.after.pos, carriers, coordinates, light
        )
    for k, axis in enumerate(turns):
        rest = _turned(turns[k + 1 :])  # constant turns that come later are in the body's frame already
        if axis.coordinate:
            own = into_child @ rest.T @ axis.axis
            _add_joint(out, element, axis, own, joint.after.pos, carriers, coordinates, light)


def _turned(turns: list[Axis]) -> np.ndarray:
    """(3, 3) the constant parts of turns, one after the other."""
    from scipy.spatial.transform import Rotation

    out = np.eye(3)
    for a in turns:
        out = out @ Rotation.from_rotvec(a.axis * a.fit.coef[0]).as_matrix()
    return out


def _add_joint(
    out: Skeleton,
    element: ET.Element,
    axis: Axis,
    own: np.ndarray,
    anchor: np.ndarray,
    carriers: Mapping[str, str],
    coordinates: Coordinates,
    light: bool,
) -> None:
    """Add a slide or turn: the coordinate itself, or a joint that follows it."""
    if not axis.coordinate:
        return
    is_coordinate = carriers.get(axis.coordinate) == axis.label
    name = axis.coordinate if is_coordinate else axis.label
    attributes = {"name": name, "type": "slide" if axis.slides else "hinge", "pos": numbers(anchor)}
    c = coordinates[axis.coordinate]
    if is_coordinate:
        own = own * axis.fit.coef[1]  # 1 or −1
        if c.free and np.isfinite(c.low):
            attributes["range"] = numbers((c.low, c.high))
    if light:
        attributes["armature"] = repr(out.mass * (1e-5 if axis.slides else 1e-7))
    ET.SubElement(element, "joint", axis=numbers(own), **attributes)
    if is_coordinate:
        out.joints[name] = axis.coordinate
    else:
        coef = axis.fit.coef.copy()
        coef[0] = 0.0  # it is in the body's frame
        out.add_follower(name, axis.coordinate, attrs.evolve(axis.fit, coef=coef))


def _add_inertia(element: ET.Element, body: Any, changed: list[str]) -> None:
    """Give a body its mass, as solid as a body must be: no moment of inertia above the sum of the other two."""
    mass = float(body.getMass())
    inertia = body.getInertia()
    (xx, yy, zz), (xy, xz, yz) = vector(inertia.getMoments()), vector(inertia.getProducts())
    full = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    own, axes = np.linalg.eigh(full)
    sizes = np.maximum(own, 1e-8 * mass)  # as of a rod of 0.1 mm
    sizes[2] = min(sizes[2], sizes[0] + sizes[1])
    pos = {"pos": numbers(vector(body.getMassCenter())), "mass": repr(mass)}
    if np.array_equal(sizes, own):
        ET.SubElement(element, "inertial", fullinertia=numbers((xx, yy, zz, xy, xz, yz)), **pos)
        return
    changed.append(f"{body.getName()} (by {np.abs(sizes - own).max() / max(own.max(), sizes.max()):.1%})")
    axes[:, 0] *= np.linalg.det(axes)
    ET.SubElement(element, "inertial", quat=numbers(Frame(axes).quat), diaginertia=numbers(sizes), **pos)


def _add_lost_coordinates(
    out: Skeleton, coordinates: Coordinates, carriers: Mapping[str, str], remarks: list[str]
) -> None:
    """Give a coordinate that no axis goes as far as a small hinge or slide of its own, which the axes follow."""
    needed = {driver for driver, _ in out.followers.values() if driver not in out.joints}
    for name in sorted(needed):
        c = coordinates[name]
        body = ET.SubElement(out.elements[GROUND], "body", name=f"coordinate_{name}")
        mass = repr(_TINY * out.mass)
        ET.SubElement(
            body, "inertial", pos="0 0 0", mass=mass, diaginertia=" ".join([repr(1e-6 * _TINY * out.mass)] * 3)
        )
        kind = {"type": "hinge" if c.turns else "slide", "armature": repr(out.mass * (1e-7 if c.turns else 1e-5))}
        limits = {"range": numbers((c.low, c.high))} if c.free and np.isfinite(c.low) else {}
        ET.SubElement(body, "joint", name=name, axis="0 0 1", **kind, **limits)
        out.joints[name] = name
        remarks.append(f"coordinate {name} is the value of no single axis; a small body of its own holds it")
