"""Paths of OpenSim's muscles as paths of MuJoCo's tendons, chosen so that their lengths are OpenSim's."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from mimic_osim.opened import Frame, Opened, base_of, each, package, vector
from mimic_osim.settings import FOLLOW
from mimic_osim.strand import CYLINDER, Path, Point, Strand, Wrap, difference
from mimic_osim.survey import Survey
from mimic_osim.wraps import choose, options, refine

_RARE = 0.005
"""A wrap object that touches in fewer poses between two points, as a share of all, is no part of the path there."""
_MM = 1000.0
_FIT_POSES = 80


@attrs.frozen(eq=False)
class Muscle:
    """A muscle and its path in MuJoCo.

    Attributes:
        osim: ``opensim.Muscle``.
        error: of its length, m: see `difference`.
    """

    osim: Any
    path: Path
    error: float


def build_paths(opened: Opened, found: Survey, moving: str, remarks: list[str]) -> list[Muscle]:
    """Return all muscles with their paths; what is not as in the model goes to ``remarks``."""
    return [_Builder(opened, muscle, found, moving, remarks).build() for muscle in each(opened.model.getMuscles())]


class _Builder:
    """Builds the path of one muscle."""

    def __init__(self, opened: Opened, muscle: Any, found: Survey, moving: str, remarks: list[str]) -> None:
        self.opened, self.muscle, self.found, self.moving, self.remarks = opened, muscle, found, moving, remarks
        self.name = muscle.getName()
        self.path = muscle.getGeometryPath()
        self.right = found.lengths[self.name]
        self.osim_points = list(each(self.path.getPathPointSet()))
        self.points = [self._point(k, p) for k, p in enumerate(self.osim_points)]
        self.active = found.active[self.name]
        self.stand_ins: dict[int, Wrap] = {}
        self.kept = [bool(self.active[:, k].mean() >= 0.5) for k in range(len(self.points))]
        self.contacts = dict(found.contacts[self.name])

    def _point(self, k: int, point: Any) -> Point:
        body, base = base_of(point.getParentFrame())
        own = point.getName()
        name = own if own.startswith(self.name) else f"{self.name}_{own}"
        local = self.found.locations[self.name][:, k]
        if package().MovingPathPoint.safeDownCast(point) is None or not np.ptp(local, axis=0).any():
            return Point(name, body, base.pos + base.turn @ local[0])
        if self.moving == FOLLOW:
            return Point(name, body, base.pos + local @ base.turn.T)
        default = {
            c.getName(): c.getDefaultValue() for c in each(self.opened.model.getCoordinateSet()) if not c.get_locked()
        }
        self.opened.set_pose(default)
        fixed = base.pos + base.turn @ vector(point.getLocation(self.opened.state))
        far = np.linalg.norm(local - vector(point.getLocation(self.opened.state)), axis=-1).max()
        self.remarks.append(
            f"moving path point {name} stays where the default pose has it, off by at most {far * _MM:.2g} mm"
        )
        return Point(name, body, fixed)

    def build(self) -> Muscle:
        arrangements = list(self._arrangements())
        best: tuple[dict[str, Wrap | None], float, _Arrangement] | None = None
        for arrangement in arrangements:
            chosen, error = self._choose(arrangement)
            if best is None or error < 0.8 * best[1]:
                best = chosen, error, arrangement
        chosen, error, arrangement = best
        error = self._choose_conditional(chosen, arrangement, error)
        chosen, error = self._refine(chosen, arrangement, error)
        self._say(chosen, arrangement, error)
        return Muscle(self.muscle, self._assemble(chosen, arrangement), error)

    def _wrap_object(self, name: str) -> Any:
        for k in range(self.path.getWrapSet().getSize()):
            found = self.path.getWrapSet().get(k).getWrapObject()
            if found.getName() == name:
                return found
        raise KeyError(name)

    def _choose(self, arrangement: _Arrangement) -> tuple[dict[str, Wrap | None], float]:
        slots = {n: options(self._wrap_object(n), f"{self.name}_{n}") for n in arrangement.names}
        start = {n: able[0] for n, able in slots.items()}
        return choose(slots, start, lambda chosen: self._score(chosen, arrangement))

    def _score(self, chosen: dict[str, Wrap | None], arrangement: _Arrangement) -> float:
        return difference(Strand(self._assemble(chosen, arrangement), self.found).lengths(), self.right)

    def _arrangements(self) -> Iterator[_Arrangement]:
        """Ways to order the wraps that the path touches: MuJoCo wants a point between any two."""
        order: dict[int, list[str]] = {}
        total = len(self.right)
        for name, contact in self.contacts.items():
            common = [s for s, n in contact.segments.items() if n >= _RARE * total]
            for segment in common or [contact.segments.most_common(1)[0][0]]:
                order.setdefault(segment, []).append(name)
        for names in order.values():
            names.sort(key=self._place_in_order)
        crowded = [s for s, names in order.items() if len(names) > 1]
        if not crowded:
            yield _Arrangement(order, {})
            return
        for on in (0, 1):
            yield _Arrangement(order, {s: self._between(order[s], on) for s in crowded})
        for keep in range(max(len(order[s]) for s in crowded)):
            alone = {s: [names[min(keep, len(names) - 1)]] if s in crowded else names for s, names in order.items()}
            yield _Arrangement(alone, {})

    def _place_in_order(self, name: str) -> float:
        """How many of the other wraps come before one, where both touch, on average: the order along the path."""
        contact = self.contacts[name]
        origin = self._in_ground(self.points[0])
        return float(np.nanmean(np.linalg.norm(contact.first - origin, axis=-1)))

    def _in_ground(self, point: Point) -> np.ndarray:
        turn, pos = self.found.turn[point.body], self.found.pos[point.body]
        local = np.broadcast_to(point.pos, pos.shape)
        return pos + np.einsum("nij,nj->ni", turn, local)

    def _between(self, names: list[str], on: int) -> list[Point]:
        """Points between each two wraps of a segment, fixed to the body of the first (0) or the second (1) of them."""
        out = []
        for a, b in itertools.pairwise(names):
            first, second = self.contacts[a], self.contacts[b]
            body, _ = base_of(self._wrap_object((a, b)[on]).getFrame())
            middle = (first.last + second.first) / 2
            if np.isnan(middle).all():
                middle = np.where(np.isnan(first.last), second.first, first.last)
            local = np.einsum("nji,nj->ni", self.found.turn[body], middle - self.found.pos[body])
            out.append(Point(f"{self.name}_between_{a}_and_{b}", body, np.nanmedian(local, axis=0)))
        return out

    def _assemble(self, chosen: dict[str, Wrap | None], arrangement: _Arrangement) -> list[Point | Wrap]:
        out: list[Point | Wrap] = []
        pending: list[Point | Wrap] = []
        last = max(k for k, kept in enumerate(self.kept) if kept)
        for k, (point, kept) in enumerate(zip(self.points, self.kept, strict=True)):
            if not kept and k in self.stand_ins:
                pending.append(self.stand_ins[k])
            if kept:
                out += [*_alternating(pending), point]
                pending = []
            if k >= last:
                break
            vias = arrangement.vias.get(k, [])
            for i, name in enumerate(arrangement.order.get(k, [])):
                if i and vias:
                    pending.append(vias[i - 1])
                if chosen[name] is not None:
                    pending.append(chosen[name])
        return out

    def _choose_conditional(self, chosen: dict[str, Wrap | None], arrangement: _Arrangement, error: float) -> float:
        """Keep a point that is not always part of the path, leave it out, or let the path wrap a cylinder there:
        what makes the lengths right."""
        for k in (k for k in range(1, len(self.points) - 1) if 0 < self.active[:, k].mean() < 1):
            self.kept[k] = True
            error = self._score(chosen, arrangement)
            self.kept[k] = False
            without = self._score(chosen, arrangement)
            wrapped, bend = self._bent(k, chosen, arrangement)
            if bend is not None:
                self.stand_ins[k] = bend
            if wrapped >= 0.8 * min(error, without):
                self.stand_ins.pop(k, None)
                self.kept[k] = error <= without
            error = min(error, without) if k not in self.stand_ins else wrapped
        return error

    def _bent(self, k: int, chosen: dict[str, Wrap | None], arrangement: _Arrangement) -> tuple[float, Wrap | None]:
        """Fit the cylinder that stands for point ``k``; return the lengths' error with it, and it."""
        rows = slice(0, _FIT_POSES)
        right, best, fitted = self.right[rows], np.inf, None
        for start in self._corners(k):
            self.stand_ins[k] = start
            parts = self._assemble(chosen, arrangement)
            where = next((i for i, p in enumerate(parts) if p is start), None)
            if where is None:
                break
            self.stand_ins[k] = refine(Strand(parts, self.found, rows), where, start, lambda x: difference(x, right))
            error = self._score(chosen, arrangement)
            if error < best:
                best, fitted = error, self.stand_ins[k]
        self.stand_ins.pop(k, None)
        return best, fitted

    def _corners(self, k: int) -> Iterator[Wrap]:
        """Cylinders, smaller ones first, that bend a path as a point does that it would pass on the wrong side."""
        point, on = self.points[k], self.active[:, k]
        turn, pos = self.found.turn[point.body], self.found.pos[point.body]

        def local(i: int) -> np.ndarray:
            return np.einsum("nji,nj->ni", turn, self._in_ground(self.points[i]) - pos)[on]

        before, after = local(k - 1), local(k + 1)
        along = after - before
        chord = along / np.linalg.norm(along, axis=-1, keepdims=True)
        own = np.mean(np.broadcast_to(point.pos, pos.shape)[on], axis=0)
        beside = own - before - chord * np.sum((own - before) * chord, axis=-1, keepdims=True)
        x = beside.mean(0) / max(float(np.linalg.norm(beside.mean(0))), 1e-12)
        z = np.cross(x, chord.mean(0))
        z = z / np.linalg.norm(z)
        near = min(float(np.linalg.norm(own - end, axis=-1).mean()) for end in (before, after))
        far = float(np.linalg.norm(along, axis=-1).mean())
        for radius in (0.15 * near, 0.4 * near, 0.8 * near, 0.1 * far):
            place = Frame(np.stack([x, np.cross(z, x), z], axis=1), own - radius * x)
            yield Wrap(f"{point.name}_bend", point.body, CYLINDER, place, radius, radius, np.array([1.0, 0.0, 0.0]))

    def _refine(
        self, chosen: dict[str, Wrap | None], arrangement: _Arrangement, error: float
    ) -> tuple[dict[str, Wrap | None], float]:
        """Fit what stands for ellipsoids; sphere and cylinder are both tried."""
        rows = slice(0, _FIT_POSES)
        for name in arrangement.names:
            if package().WrapEllipsoid.safeDownCast(self._wrap_object(name)) is None or error < 1e-5:
                continue
            able = [o for o in options(self._wrap_object(name), f"{self.name}_{name}") if o is not None]
            rank = sorted(able, key=lambda o: self._score({**chosen, name: o}, arrangement))[:3]
            for option in rank:
                parts = self._assemble({**chosen, name: option}, arrangement)
                strand = Strand(parts, self.found, rows)
                where = next(i for i, p in enumerate(parts) if p is option)
                shape = refine(strand, where, option, lambda x: difference(x, self.right[rows]))
                found = self._score({**chosen, name: shape}, arrangement)
                if found < error:
                    chosen, error = {**chosen, name: shape}, found
        return chosen, error

    def _say(self, chosen: dict[str, Wrap | None], arrangement: _Arrangement, error: float) -> None:
        off = f"length off by {error * _MM:.2g} mm of {np.ptp(self.right) * _MM:.3g} mm that it varies"
        for name in self.contacts:
            osim = self._wrap_object(name)
            kind, own = chosen.get(name), osim.getConcreteClassName()
            if name not in arrangement.names or kind is None:
                self.remarks.append(f"{self.name}: {own} {name} left out; {off}")
            elif own == "WrapEllipsoid":
                self.remarks.append(
                    f"{self.name}: ellipsoid {name} becomes a {kind.kind} of radius {kind.radius * _MM:.3g} mm; {off}"
                )
            elif kind is not None and (osim.get_quadrant() == "all") != (kind.side is None):
                self.remarks.append(f"{self.name}: {name} may be passed on either side; {off}")
        for via in (p for points in arrangement.vias.values() for p in points):
            self.remarks.append(f"{self.name}: a point of {via.body} is put between two things that it wraps; {off}")
        for k, point in enumerate(self.points):
            share = self.active[:, k].mean()
            if share < 1:
                what = "kept in all" if self.kept[k] else "left out of all"
                if k in self.stand_ins:
                    what = f"the path wraps a cylinder of radius {self.stand_ins[k].radius * _MM:.3g} mm there"
                self.remarks.append(f"path point {point.name} is in use in {share:.0%} of poses; {what}; {off}")


@attrs.frozen(eq=False)
class _Arrangement:
    """Which wraps a path passes, and where.

    Attributes:
        order: path point before → names of wraps, in order.
        vias: path point before → the points between them.
    """

    order: dict[int, list[str]]
    vias: dict[int, list[Point]]

    @property
    def names(self) -> list[str]:
        """All wraps."""
        return list(dict.fromkeys(n for names in self.order.values() for n in names))


def _alternating(parts: list[Point | Wrap]) -> list[Point | Wrap]:
    """Leave out the second of two wraps with no point between: MuJoCo wants one."""
    out: list[Point | Wrap] = []
    for part in parts:
        if isinstance(part, Wrap) and out and isinstance(out[-1], Wrap):
            continue
        out.append(part)
    return out
