"""Which limbs of a body walk, and how it stands on them."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from mimic_core import BodyModel, ConfigError, did_you_mean
from mimic_kinematics.couplings import Couplings
from mimic_kinematics.floor import Floor, floor_of, geom_frames, lowest_points
from mimic_synthetic.ik import Solver, point_jacobian

_LOW = 0.35  # tips of limbs higher than this share of the body's height are no feet: heads, tails
_LEAST_DOFS = 2
_HARD = 3.0  # how much more the floor counts than a foot's place
_PULL = 0.02  # of leg length per radian, to the posture in which the animal stands
_FLAT = 0.5  # of the pull to the posture, the pull to the orientation in which a foot stands


@attrs.frozen(eq=False)
class Leg:
    """One limb that walks.

    Attributes:
        foot: body at its tip.
        dofs: (nv,) True for the dofs that move this foot and no other.
        geoms: (geom,) ids of the leg's own geoms that can touch the floor.
        anchor: (3,) m, the foot's lowest point where it stands, in its body's frame.
        place: (3,) m, that point in the world where the animal stands at its start.
        upright: (3, 3) orientation of the foot there.
        length: m, from the leg's first joint to the anchor where it stands.
    """

    name: str
    foot: int
    dofs: np.ndarray
    geoms: np.ndarray
    anchor: np.ndarray = attrs.field(factory=lambda: np.zeros(3))
    place: np.ndarray = attrs.field(factory=lambda: np.zeros(3))
    upright: np.ndarray = attrs.field(factory=lambda: np.eye(3))
    length: float = 0.0


def ground_of(m: mujoco.MjModel) -> Floor:
    """Return the model's floor; for a model without one, a level plane under its reference pose."""
    found = floor_of(m)
    if found is not None:
        return found
    up = -m.opt.gravity / np.linalg.norm(m.opt.gravity) if m.opt.gravity.any() else np.array([0.0, 0.0, 1.0])
    moving = m.body_weldid[m.geom_bodyid] != 0
    meets = moving & ((m.geom_contype | m.geom_conaffinity) != 0)
    geoms = np.flatnonzero(meets if meets.any() else moving)
    geoms = geoms[~np.isin(m.geom_type[geoms], (int(mujoco.mjtGeom.mjGEOM_PLANE), int(mujoco.mjtGeom.mjGEOM_HFIELD)))]
    points = lowest_points(m, geoms, *geom_frames(m, m.qpos0[None], geoms), up)[0]
    low = points[(points @ up).argmin()] if len(geoms) else np.zeros(3)
    bodies = m.geom_bodyid[geoms]
    carriers = {int(a) for b in bodies for a in _ancestors(m, int(b))[1:]}
    return Floor("the level of its lowest point", (low @ up) * up, up, geoms, ~np.isin(bodies, list(carriers)))


def _ancestors(m: mujoco.MjModel, body: int) -> list[int]:
    out = []
    while body:
        out.append(body)
        body = int(m.body_parentid[body])
    return out


def forward(model: BodyModel, floor: Floor, rest: np.ndarray) -> np.ndarray:
    """(3,) the root's x axis along the floor, in the pose ``rest`` (nq,)."""
    a = model.root_qposadr + 3
    x = Rotation.from_quat(rest[a : a + 4], scalar_first=True).apply([1.0, 0.0, 0.0])
    x = x - (x @ floor.normal) * floor.normal
    if np.linalg.norm(x) < 1e-6:
        raise ConfigError(
            f"generator gait: the x axis of the root of body {model.body.name} points straight up, so there is no way "
            "ahead; turn the model so that x is forward"
        )
    return x / np.linalg.norm(x)


def legs_of(model: BodyModel, floor: Floor, chosen: tuple[str, ...], rest: np.ndarray) -> list[Leg]:
    """Find the legs in the pose ``rest`` (nq,): chains of joints to the feet that are chosen, or to low tips of limbs.

    Raises:
        ConfigError: a chosen body does not exist, or has no geom that can touch the floor.
    """
    m = model.mj_model
    bodies = m.geom_bodyid[floor.geoms]
    points = lowest_points(m, floor.geoms, *geom_frames(m, rest[None], floor.geoms), floor.normal)[0]
    height = (points - floor.point) @ floor.normal
    if chosen:
        names = {m.body(b).name: int(b) for b in np.unique(bodies)}
        for name in chosen:
            if name not in names:
                raise ConfigError(
                    f"generate.feet: no body {name!r} has a geom that touches the floor{did_you_mean(name, names)}"
                )
        feet = [names[name] for name in chosen]
    else:
        tips, low = np.unique(bodies[floor.feet]), min(height, default=0.0)
        tall = max(height, default=0.0) - low
        feet = [int(b) for b in tips if height[bodies == b].min() - low <= _LOW * tall]
    paths = {b: set(_ancestors(m, b)) for b in feet}
    out = []
    for b in feet:
        own = [a for a in paths[b] if sum(a in p for p in paths.values()) == 1]
        dofs = np.isin(m.dof_bodyid, own) & (m.jnt_type[m.dof_jntid] != int(mujoco.mjtJoint.mjJNT_FREE))
        if dofs.sum() >= _LEAST_DOFS:
            out.append(Leg(m.body(b).name, b, dofs, floor.geoms[np.isin(bodies, own)]))
    return out if len(out) > 1 else []


class Stance:
    """A body on its legs, and the inverse kinematics that puts its feet somewhere."""

    def __init__(self, model: BodyModel, floor: Floor, legs: list[Leg], couplings: Couplings, rest: np.ndarray) -> None:
        """Let the body down until its feet are on the floor, its trunk as in the pose ``rest`` (nq,)."""
        m = model.mj_model
        self.model, self.floor, self.m = model, floor, m
        self.solver = Solver(model, np.any([leg.dofs for leg in legs], 0), couplings)
        self.data = self.solver.data
        self.at = model.root_qposadr
        self.legs = [self._measured(leg, rest) for leg in legs]
        self.length = float(np.median([leg.length for leg in self.legs]))
        heights = [(leg.place - floor.point) @ floor.normal for leg in self.legs]
        self.rest = self.lowered(rest, float(np.mean(heights)))
        self.legs = [self._on_floor(leg) for leg in self.legs]

    def lowered(self, q: np.ndarray, by: float) -> np.ndarray:
        """Return qpos (nq,) with the body ``by`` m nearer to the floor."""
        out = q.copy()
        out[self.at : self.at + 3] -= by * self.floor.normal
        return out

    def _measured(self, leg: Leg, q: np.ndarray) -> Leg:
        self.data.qpos[:] = q
        mujoco.mj_kinematics(self.m, self.data)
        points = self._lowest(self.data, leg)
        at_foot = self.m.geom_bodyid[leg.geoms] == leg.foot
        point = points[at_foot][(points[at_foot] @ self.floor.normal).argmin()]
        turn, pos = self.data.xmat[leg.foot].reshape(3, 3).copy(), self.data.xpos[leg.foot]
        first = min(np.flatnonzero(leg.dofs))
        hip = self.data.xanchor[self.m.dof_jntid[first]]
        return attrs.evolve(
            leg, anchor=turn.T @ (point - pos), place=point, upright=turn, length=float(np.linalg.norm(point - hip))
        )

    def _on_floor(self, leg: Leg) -> Leg:
        """The leg's place once the body is down, straight above or below where it was, on the floor."""
        down = ((leg.place - self.floor.point) @ self.floor.normal) * self.floor.normal
        return attrs.evolve(leg, place=leg.place - down)

    def _lowest(self, data: mujoco.MjData, leg: Leg) -> np.ndarray:
        """The lowest point (geom, 3) of each of a leg's geoms."""
        pos, turn = data.geom_xpos[leg.geoms][None], data.geom_xmat[leg.geoms].reshape(1, -1, 3, 3)
        return lowest_points(self.m, leg.geoms, pos, turn, self.floor.normal)[0]

    def put(
        self, q: np.ndarray, places: np.ndarray, heading: np.ndarray, posture: np.ndarray
    ) -> tuple[np.ndarray, float]:
        """Return qpos (nq,) near ``q`` with the feet at ``places`` (leg, 3) m, and the furthest that one is off (m).

        Nothing of a leg goes below the floor, and feet are kept as they stand as far as that goes.

        Args:
            heading: (3, 3) how the animal has turned since it stood.
            posture: (nq,) that the legs are pulled to.
        """
        n, m = self.floor.normal, self.m

        def residual(data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
            rows, jacs = [], []
            for leg, place in zip(self.legs, places, strict=True):
                turn = data.xmat[leg.foot].reshape(3, 3)
                anchor = data.xpos[leg.foot] + turn @ leg.anchor
                spin = np.zeros((3, m.nv))
                mujoco.mj_jacBody(m, data, None, spin, leg.foot)
                off = turn @ (heading @ leg.upright).T
                tilt = 0.5 * np.array([off[2, 1] - off[1, 2], off[0, 2] - off[2, 0], off[1, 0] - off[0, 1]])
                rows += [anchor - place, _FLAT * self._pull * tilt]
                jacs += [point_jacobian(m, data, leg.foot, anchor), _FLAT * self._pull * spin]
                points = self._lowest(data, leg)
                depth = (points - self.floor.point) @ n
                for g in np.flatnonzero(depth < 0):
                    rows.append(_HARD * depth[g : g + 1])
                    jacs.append(_HARD * n[None] @ point_jacobian(m, data, int(m.geom_bodyid[leg.geoms[g]]), points[g]))
            return np.concatenate(rows), np.concatenate(jacs)

        q, _ = self.solver.solve(q, residual, posture, self._pull)
        self.data.qpos[:] = q
        mujoco.mj_kinematics(m, self.data)
        off = [self.anchor(leg) - place for leg, place in zip(self.legs, places, strict=True)]
        return q, float(np.linalg.norm(off, axis=1).max())

    def anchor(self, leg: Leg) -> np.ndarray:
        """(3,) m where a foot's anchor is, in the pose that ``data`` holds."""
        return self.data.xpos[leg.foot] + self.data.xmat[leg.foot].reshape(3, 3) @ leg.anchor

    @property
    def _pull(self) -> float:
        return _PULL * self.length
