"""The coordinates of an OpenSim model: which are free, which are fixed, and which follow another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, did_you_mean
from mimic_osim.laws import Fit, Law, fit, law_of
from mimic_osim.opened import Opened, each, package

_ABSURD_TURN, _ABSURD_LENGTH = 4 * np.pi, 100.0
"""Ranges that are wider say that there is none (rad, m)."""
_NARROW = 1e-4
"""A coordinate clamped to a range that is narrower (rad, m) cannot move."""


@attrs.frozen(eq=False)
class Coordinate:
    """One coordinate.

    Attributes:
        turns: it is an angle (rad), else a length (m).
        default: its value in the model's default pose.
        low, high: its range; ±inf where the model gives none worth the name.
        fixed: it is locked or prescribed, and keeps its default value.
        driver: the coordinate that it follows, or empty; ``law`` says how.
    """

    name: str
    turns: bool
    default: float
    low: float
    high: float
    fixed: bool = False
    driver: str = ""
    law: Law | None = None

    @property
    def free(self) -> bool:
        """Whether it may be set."""
        return not self.fixed and not self.driver

    @property
    def span(self) -> tuple[float, float]:
        """Its range where it is finite, else half a turn or 1 m to either side of its default."""
        wide = np.pi if self.turns else 1.0
        low = self.low if np.isfinite(self.low) else self.default - wide
        return low, self.high if np.isfinite(self.high) else self.default + wide


@attrs.frozen(eq=False)
class Coordinates:
    """All coordinates of a model by name, in its order."""

    every: Mapping[str, Coordinate]

    def __getitem__(self, name: str) -> Coordinate:
        return self.every[name]

    @property
    def free(self) -> list[Coordinate]:
        """Those that may be set."""
        return [c for c in self.every.values() if c.free]

    def settle(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the values of all coordinates from those of the free ones; others follow by OpenSim's functions."""
        out = {name: np.asarray(v, float) for name, v in values.items() if self[name].free}
        like = next(iter(out.values()), np.zeros(()))

        def value(name: str) -> np.ndarray:
            if name not in out:
                c = self[name]
                if c.driver:
                    out[name] = np.asarray(c.law(np.ravel(value(c.driver)))).reshape(like.shape)
                else:
                    out[name] = np.full(like.shape, c.default)
            return out[name]

        return {name: value(name) for name in self.every}

    def random(self, n: int, seed: int) -> dict[str, np.ndarray]:
        """Return n random poses, all coordinates (n,): the free ones evenly over their ranges."""
        rng = np.random.default_rng(seed)
        return self.settle({c.name: rng.uniform(*c.span, n) for c in self.free})

    def fitted(self, law: Law, driver: str) -> Fit:
        """Fit a law of a coordinate over that coordinate's range."""
        return fit(law, *self.reach(driver))

    def reach(self, name: str) -> tuple[float, float]:
        """The range over which a coordinate moves, which for one that follows is that of its law."""
        c = self[name]
        if not c.driver:
            return c.span
        y = c.law(np.linspace(*self.reach(c.driver), 401))
        return (float(y.min()), float(y.max())) if np.ptp(y) > 0 else (float(y.min()) - 1e-6, float(y.max()) + 1e-6)


def read_coordinates(
    opened: Opened, ranges: Mapping[str, tuple[float, float]], where: str, remarks: list[str]
) -> Coordinates:
    """Read the coordinates of a model and what couples them.

    Args:
        ranges: coordinate → range that is laid over the model's, deg or m.
        where: who gives them, for messages.

    Raises:
        ConfigError: the model has no coordinate of a name in ``ranges``.
    """
    found = {c.getName(): _coordinate(c, opened, ranges, remarks) for c in each(opened.model.getCoordinateSet())}
    for name in ranges:
        if name not in found:
            known = did_you_mean(name, found)
            raise ConfigError(f"{where}: range.{name}: {opened.path.name} has no coordinate {name!r}{known}")
    for constraint in each(opened.model.getConstraintSet()):
        _couple(constraint, found, remarks)
    held = {name: _held(name, found) for name, c in found.items() if c.driver}
    for name, value in held.items():
        if value is not None:
            found[name] = attrs.evolve(found[name], driver="", law=None, fixed=True, default=value)
    return Coordinates(found)


def _coordinate(c: Any, opened: Opened, ranges: Mapping[str, tuple[float, float]], remarks: list[str]) -> Coordinate:
    name, turns, default = c.getName(), c.getMotionType() != 2, float(c.getDefaultValue())
    if c.getMotionType() == 3:
        axis = c.getJoint().getName()
        turns = not _slides_alone(c)
        remarks.append(
            f"coordinate {name} of joint {axis} turns and shifts at once; taken for "
            f"{'an angle' if turns else 'a length'}"
        )
    low, high = float(c.getRangeMin()), float(c.getRangeMax())
    if name in ranges:
        low, high = np.deg2rad(ranges[name]) if turns else ranges[name]
    clamped = bool(c.get_clamped()) and 0 <= high - low < _NARROW
    if not 0 < high - low < (_ABSURD_TURN if turns else _ABSURD_LENGTH):
        low, high = -np.inf, np.inf
    fixed = bool(c.get_locked()) or clamped
    if c.get_prescribed() and not fixed:
        fixed = True
        default = float(c.get_prescribed_function().calcValue(package().Vector(1, 0.0)))
        remarks.append(f"coordinate {name} is prescribed in time; held where it is at 0 s, {default:.4g}")
    elif fixed:
        why = "is locked" if c.get_locked() else "has no range"
        remarks.append(f"coordinate {name} {why}; held at {default:.4g} {'rad' if turns else 'm'}")
    return Coordinate(name, turns, default, float(low), float(high), fixed)


def _slides_alone(c: Any) -> bool:
    """Whether no axis of rotation of its joint depends on a coordinate."""
    joint = package().CustomJoint.safeDownCast(c.getJoint())
    if joint is None:
        return False
    names = (joint.getSpatialTransform().getTransformAxis(i).getCoordinateNamesInArray() for i in range(3))
    return all(c.getName() not in [n.get(k) for k in range(n.getSize())] for n in names)


def _couple(constraint: Any, found: dict[str, Coordinate], remarks: list[str]) -> None:
    opensim = package()
    name = constraint.getName()
    if not constraint.get_isEnforced():
        return
    coupler = opensim.CoordinateCouplerConstraint.safeDownCast(constraint)
    if coupler is None:
        remarks.append(f"constraint left out: {constraint.getConcreteClassName()} {name}")
        return
    drivers = coupler.getIndependentCoordinateNames()
    dependent = coupler.getDependentCoordinateName()
    if drivers.getSize() != 1:
        remarks.append(f"constraint left out: {name} makes {dependent} follow {drivers.getSize()} coordinates at once")
        return
    c = found[dependent]
    if c.fixed or c.driver or _leads(found, drivers.get(0), dependent):
        why = "is locked" if c.fixed else "follows another coordinate already"
        remarks.append(f"constraint left out: {name}, since {dependent} {why}")
        return
    scale = _scale_factor(coupler)
    found[dependent] = attrs.evolve(c, driver=drivers.get(0), law=law_of(coupler.getFunction(), opensim.Vector, scale))


def _scale_factor(coupler: Any) -> float:
    """The factor before the function, for which the Python package has no method."""
    return float(coupler.getPropertyByName("scale_factor").toString()) if coupler.hasProperty("scale_factor") else 1.0


def _leads(found: Mapping[str, Coordinate], name: str, to: str) -> bool:
    """Whether a coordinate is, or follows, another one."""
    while name and name != to:
        name = found[name].driver
    return name == to


def _held(name: str, found: Mapping[str, Coordinate]) -> float | None:
    """The value of a coordinate that follows fixed ones alone, else None."""
    c = found[name]
    if not c.driver:
        return c.default if c.fixed else None
    value = _held(c.driver, found)
    return None if value is None else float(c.law(np.array([value]))[0])
