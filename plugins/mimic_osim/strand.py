"""A muscle's path in MuJoCo, measured on bodies that are put where OpenSim has them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import attrs
import mujoco
import numpy as np

from mimic_osim.opened import Frame
from mimic_osim.survey import Survey

SPHERE, CYLINDER = "sphere", "cylinder"


@attrs.frozen(eq=False)
class Point:
    """A point of a path.

    Attributes:
        body: that it moves with.
        pos: (3,) m in the body's frame, or (pose, 3) where that depends on the pose.
    """

    name: str
    body: str
    pos: np.ndarray


@attrs.frozen(eq=False)
class Wrap:
    """A sphere or cylinder that a path may wrap.

    Attributes:
        place: its frame in the body's; a cylinder's axis is z.
        side: (3,) the side that the path must keep, as a direction in its own frame; None for either.
    """

    name: str
    body: str
    kind: str
    place: Frame
    radius: float
    half_length: float = 0.0
    side: np.ndarray | None = None

    @property
    def side_pos(self) -> np.ndarray:
        """(3,) m in the body's frame, a point outside on the side that the path must keep."""
        return self.place.pos + self.place.turn @ (2.0 * self.radius * self.side)


Path = Sequence[Point | Wrap]
"""A path in order; every wrap is between two points."""


class Strand:
    """One path, as a model of MuJoCo with a mocap body for every body that it touches."""

    def __init__(self, path: Path, found: Survey, rows: slice = slice(None)) -> None:
        self.path, self.found, self.rows = path, found, rows
        spec = mujoco.MjSpec()
        self.bodies = list(dict.fromkeys(p.body for p in path if not self._moves(p)))
        made = {name: spec.worldbody.add_body(name=name, mocap=True) for name in self.bodies}
        self.moving = [p for p in path if self._moves(p)]
        tendon = spec.add_tendon(name="strand")
        for i, part in enumerate(path):
            if isinstance(part, Point):
                site = f"point {i}"
                if self._moves(part):
                    spec.worldbody.add_body(name=f"moving {i}", mocap=True).add_site(name=site)
                else:
                    made[part.body].add_site(name=site, pos=part.pos)
                tendon.wrap_site(site)
                continue
            kind = mujoco.mjtGeom.mjGEOM_SPHERE if part.kind == SPHERE else mujoco.mjtGeom.mjGEOM_CYLINDER
            size = [part.radius, max(part.half_length, part.radius), 0]
            made[part.body].add_geom(
                name=f"wrap {i}",
                type=kind,
                size=size,
                pos=part.place.pos,
                quat=part.place.quat,
                contype=0,
                conaffinity=0,
            )
            if part.side is not None:
                made[part.body].add_site(name=f"side {i}", pos=part.side_pos)
            tendon.wrap_geom(f"wrap {i}", f"side {i}" if part.side is not None else "")
        self.model = spec.compile()
        self.model.geom_sameframe[:] = 0  # else MuJoCo takes the body's frame for the geom's, which `reshape` changes
        self.data = mujoco.MjData(self.model)

    @staticmethod
    def _moves(part: Point | Wrap) -> bool:
        return isinstance(part, Point) and part.pos.ndim > 1

    @cached_property
    def _poses(self) -> tuple[np.ndarray, np.ndarray]:
        """(pose, mocap, 3) m and (pose, mocap, 4) of the mocap bodies."""
        from scipy.spatial.transform import Rotation

        n = len(self.found.pos[next(iter(self.found.pos))][self.rows])
        pos, quat = np.zeros((n, self.model.nmocap, 3)), np.zeros((n, self.model.nmocap, 4))
        quat[..., 0] = 1
        for name in self.bodies:
            k = self.model.body(name).mocapid[0]
            pos[:, k] = self.found.pos[name][self.rows]
            quat[:, k] = Rotation.from_matrix(self.found.turn[name][self.rows]).as_quat(scalar_first=True)
        for i, part in enumerate(self.path):
            if self._moves(part):
                k = self.model.body(f"moving {i}").mocapid[0]
                turn, at = self.found.turn[part.body][self.rows], self.found.pos[part.body][self.rows]
                pos[:, k] = at + np.einsum("nij,nj->ni", turn, part.pos[self.rows])
        return pos, quat

    def lengths(self) -> np.ndarray:
        """Return (pose,) m."""
        pos, quat = self._poses
        out = np.empty(len(pos))
        for i in range(len(out)):
            self.data.mocap_pos[:], self.data.mocap_quat[:] = pos[i], quat[i]
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_tendon(self.model, self.data)
            out[i] = self.data.ten_length[0]
        return out

    def reshape(self, i: int, wrap: Wrap) -> None:
        """Give the wrap that is part ``i`` another place and radius."""
        geom = self.model.geom(f"wrap {i}").id
        self.model.geom_pos[geom], self.model.geom_quat[geom] = wrap.place.pos, wrap.place.quat
        self.model.geom_size[geom, 0] = wrap.radius
        if wrap.side is not None:
            self.model.site_pos[self.model.site(f"side {i}").id] = wrap.side_pos


def difference(found: np.ndarray, right: np.ndarray) -> float:
    """How far lengths (pose,) are from the right ones, m: root mean square about the median, which moment arms come
    from, and a tenth of the median difference, which a tendon's slack length could make up for.

    The worst 3 % of poses are left out: in some, OpenSim's own path jumps to the wrong side of what it wraps.
    """
    d = found - right
    middle = float(np.median(d))
    kept = np.sort(np.abs(d - middle))[: int(np.ceil(0.97 * len(d)))]
    return float(np.sqrt(np.mean(kept**2)) + 0.1 * abs(middle))
