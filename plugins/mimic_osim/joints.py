"""OpenSim's joints as sequences of slides and turns.

Every joint carries the child's frame from the parent's by slides along fixed axes of the parent's, then by turns about
axes of the frame so far, each of them a function of one coordinate (Seth et al. 2010, doi:10.1007/s11071-010-9717-3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from mimic_osim.coordinates import Coordinates
from mimic_osim.laws import Fit, Law, law_of
from mimic_osim.opened import Frame, base_of, package, vector

_X, _Y, _Z = np.eye(3)
_PLAIN: dict[str, tuple[tuple[bool, np.ndarray], ...]] = {
    "WeldJoint": (),
    "PinJoint": ((False, _Z),),
    "SliderJoint": ((True, _X),),
    "UniversalJoint": ((False, _X), (False, _Y)),
    "GimbalJoint": ((False, _X), (False, _Y), (False, _Z)),
    "BallJoint": ((False, _X), (False, _Y), (False, _Z)),
    "PlanarJoint": ((False, _Z), (True, _X), (True, _Y)),
    "FreeJoint": ((False, _X), (False, _Y), (False, _Z), (True, _X), (True, _Y), (True, _Z)),
}
"""Joint → what each of its coordinates does: whether it slides, and along or about which axis."""


@attrs.frozen(eq=False)
class Axis:
    """One slide or turn of a joint.

    Attributes:
        label: what it is called in names and messages, e.g. ``translation1``.
        slides: a slide, else a turn.
        axis: (3,) unit vector; of a slide in the parent's frame, of a turn in the frame after the turns before it.
        coordinate: what it depends on; empty for a constant.
        fit: its value as a polynomial of the coordinate, rad or m; of a constant the coefficient of 1.
        law: its value as OpenSim's own function has it; None for a constant.
    """

    label: str
    slides: bool
    axis: np.ndarray
    coordinate: str
    fit: Fit
    law: Law | None = None

    @property
    def carries(self) -> bool:
        """Whether it can be the coordinate itself: it goes as far as the coordinate, forwards or backwards."""
        return bool(self.coordinate) and self.fit.linear and abs(abs(self.fit.coef[1]) - 1.0) < 1e-9


@attrs.frozen(eq=False)
class Joint:
    """A joint between two bodies.

    Attributes:
        parent, child: bodies, or the ground.
        before: the joint's frame in the parent body; ``after``: in the child body.
        axes: slides first, then turns.
        free: it is OpenSim's free joint.
    """

    name: str
    parent: str
    child: str
    before: Frame
    after: Frame
    axes: tuple[Axis, ...]
    free: bool = False


def read_joint(joint: Any, coordinates: Coordinates, remarks: list[str]) -> Joint:
    """Read one joint; what cannot be kept goes to ``remarks``."""
    kind = joint.getConcreteClassName()
    (parent, before), (child, after) = base_of(joint.getParentFrame()), base_of(joint.getChildFrame())
    if kind == "CustomJoint":
        axes = list(_custom(joint, coordinates, remarks))
    elif kind in _PLAIN:
        axes = list(_plain(joint, _PLAIN[kind], coordinates))
    else:
        names = ", ".join(joint.get_coordinates(i).getName() for i in range(joint.numCoordinates()))
        remarks.append(f"joint {joint.getName()} is a {kind}, which is not converted; held where it is at 0 ({names})")
        axes = []
    ordered = (*(a for a in axes if a.slides), *(a for a in axes if not a.slides))
    return Joint(joint.getName(), parent, child, before, after, ordered, free=kind == "FreeJoint")


def _plain(joint: Any, parts: tuple[tuple[bool, np.ndarray], ...], coordinates: Coordinates) -> Iterator[Axis]:
    for i, (slides, axis) in enumerate(parts):
        name = joint.get_coordinates(i).getName()
        yield _axis(name, slides, axis, name, lambda x: np.asarray(x, float), coordinates)


def _custom(joint: Any, coordinates: Coordinates, remarks: list[str]) -> Iterator[Axis]:
    opensim = package()
    spatial = opensim.CustomJoint.safeDownCast(joint).getSpatialTransform()
    for i in (3, 4, 5, 0, 1, 2):
        part = spatial.getTransformAxis(i)
        names = part.getCoordinateNamesInArray()
        label, axis = f"{joint.getName()}_{part.getName()}", vector(part.getAxis())
        axis = axis / np.linalg.norm(axis)
        if names.getSize() > 1:
            said = ", ".join(names.get(k) for k in range(names.getSize()))
            value = float(part.get_function().calcValue(_defaults(names, coordinates)))
            remarks.append(f"{label} depends on several coordinates ({said}); held at {value:.4g}")
            yield _constant(label, i > 2, axis, value)
        elif names.getSize():
            law = law_of(part.get_function(), opensim.Vector)
            yield _axis(label, i > 2, axis, names.get(0), law, coordinates)
        else:
            yield _constant(label, i > 2, axis, float(part.get_function().calcValue(opensim.Vector(1, 0.0))))


def _defaults(names: Any, coordinates: Coordinates) -> Any:
    values = package().Vector(names.getSize(), 0.0)
    for k in range(names.getSize()):
        values.set(k, coordinates[names.get(k)].default)
    return values


def _constant(label: str, slides: bool, axis: np.ndarray, value: float) -> Axis:
    return Axis(label, slides, axis, "", Fit(np.array([value, 0, 0, 0, 0]), 0.0))


def _axis(label: str, slides: bool, axis: np.ndarray, name: str, law: Law, coordinates: Coordinates) -> Axis:
    if coordinates[name].fixed:
        return _constant(label, slides, axis, float(law(np.array([coordinates[name].default]))[0]))
    fitted = coordinates.fitted(law, name)
    if fitted.constant:
        return _constant(label, slides, axis, float(fitted.coef[0]))
    return Axis(label, slides, axis, name, fitted, law)
