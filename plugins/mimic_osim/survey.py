"""What OpenSim itself says of a model in random poses: where bodies are, how long muscles are, what they wrap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from mimic_osim.coordinates import Coordinates
from mimic_osim.opened import GROUND, Opened, each, package, vector


@attrs.frozen(eq=False)
class Contact:
    """Where a muscle was found to touch what it wraps, over all poses.

    Attributes:
        segments: index of the path point before the contact → number of poses.
        first, last: (pose, 3) m in the ground's frame, where the path meets and leaves the surface; NaN where it does
            not touch it.
    """

    segments: Counter
    first: np.ndarray
    last: np.ndarray


@attrs.frozen(eq=False)
class Survey:
    """A model in n poses.

    Attributes:
        values: coordinate → (pose,) rad or m.
        turn, pos: body → (pose, 3, 3) and (pose, 3) m in the ground's frame.
        lengths: muscle → (pose,) m.
        contacts: muscle → name of a wrap object → where it was touched.
        active: muscle → (pose, point) whether a path point was part of the path.
        locations: muscle → (pose, point, 3) m, the points in the frames of their bodies.
    """

    values: Mapping[str, np.ndarray]
    turn: Mapping[str, np.ndarray]
    pos: Mapping[str, np.ndarray]
    lengths: Mapping[str, np.ndarray]
    contacts: Mapping[str, Mapping[str, Contact]]
    active: Mapping[str, np.ndarray]
    locations: Mapping[str, np.ndarray]


def survey(opened: Opened, coordinates: Coordinates, poses: int, seed: int) -> Survey:
    """Ask OpenSim about random poses; those that follow others are where OpenSim's functions put them."""
    values = coordinates.random(poses, seed)
    movable = [c.name for c in coordinates.every.values() if not c.fixed]
    names = [GROUND, *(b.getName() for b in each(opened.model.getBodySet()))]
    muscles = list(each(opened.model.getMuscles()))
    turn = {n: np.empty((poses, 3, 3)) for n in names}
    pos = {n: np.empty((poses, 3)) for n in names}
    records = {m.getName(): _Record(m, poses) for m in muscles}
    for i in range(poses):
        opened.set_pose({name: values[name][i] for name in movable})
        for n in names:
            found = opened.frame_of(n)
            turn[n][i], pos[n][i] = found.turn, found.pos
        for record in records.values():
            record.add(i, opened.state)
    return Survey(
        values,
        turn,
        pos,
        {name: r.length for name, r in records.items()},
        {name: r.contacts for name, r in records.items()},
        {name: r.active for name, r in records.items()},
        {name: r.location for name, r in records.items()},
    )


class _Record:
    """One muscle, pose after pose."""

    def __init__(self, muscle: Any, poses: int) -> None:
        self.muscle, self.path = muscle, muscle.getGeometryPath()
        self.points = list(each(self.path.getPathPointSet()))
        self.names = [p.getName() for p in self.points]
        self.length = np.empty(poses)
        self.contacts: dict[str, Contact] = {}
        self.active = np.zeros((poses, len(self.points)), bool)
        self.location = np.empty((poses, len(self.points), 3))
        self.wraps = self.path.getWrapSet().getSize() > 0
        self.conditional = any(p.getConcreteClassName() == "ConditionalPathPoint" for p in self.points)

    def add(self, i: int, state: Any) -> None:
        self.length[i] = self.muscle.getLength(state)
        self.location[i] = [vector(p.getLocation(state)) for p in self.points]
        if not (self.wraps or self.conditional):
            self.active[i] = True
            return
        opensim, before = package(), -1
        current = self.path.getCurrentPath(state)
        for k in range(current.getSize()):
            point = current.get(k)
            wrap = opensim.PathWrapPoint.safeDownCast(point)
            if wrap is None:
                before = self.names.index(point.getName(), before + 1)
                self.active[i, before] = True
                continue
            name = wrap.getWrapObject().getName()
            if name not in self.contacts:
                shape = (len(self.length), 3)
                self.contacts[name] = Contact(Counter(), np.full(shape, np.nan), np.full(shape, np.nan))
            contact, place = self.contacts[name], vector(point.getLocationInGround(state))
            if np.isnan(contact.first[i, 0]):
                contact.segments[before] += 1
                contact.first[i] = place
            contact.last[i] = place
