"""Forward kinematics of a MuJoCo body over many poses at once, with exact Jacobians.

Only joints that carry a keypoint count, and those that drive them; a joint that is coupled to another has no dof of
its own. Dofs are numbered among the rest. The loop runs over the bodies of the tree, never over frames. The recursions
are MuJoCo's own (``mj_kinematics``, ``mj_jac``, ``mj_integratePos``, ``mj_differentiatePos``), in float64 throughout.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation

from mimic_core import BodyModel
from mimic_kinematics.couplings import Couplings
from mimic_kinematics.quaternions import BALL, FREE, ball_limits
from mimic_kinematics.segments import segments

SLIDE, HINGE = int(mujoco.mjtJoint.mjJNT_SLIDE), int(mujoco.mjtJoint.mjJNT_HINGE)
_DOFS = {FREE: 6, BALL: 3, SLIDE: 1, HINGE: 1}


class Pose(NamedTuple):
    """Where the bodies that carry keypoints are, for N poses."""

    origin: np.ndarray
    """(N, keypoint, 3) m, origin of each keypoint's body"""
    rotation: np.ndarray
    """(N, keypoint, 3, 3) body axes as columns"""
    anchor: np.ndarray
    """(N, axis, 3) m, point that a rotational axis turns about; 0 for a translational one"""
    axis: np.ndarray
    """(N, axis, 3) in the world; a dof has one axis, and one more for each joint that is coupled to it"""
    slope: np.ndarray
    """(N, coupling) how fast each coupled joint follows its driver"""

    def sites(self, offsets: Float[np.ndarray, "keypoint 3"]) -> Float[np.ndarray, "pose keypoint 3"]:
        """Return (N, keypoint, 3) m positions of points at ``offsets`` (keypoint, 3) m in their bodies' frames."""
        return self.origin + np.einsum("nkij,kj->nki", self.rotation, offsets)

    def where(self, taken: Bool[np.ndarray, " pose"], other: Pose) -> Pose:
        """Return these poses where ``taken``, and the others elsewhere."""
        if taken.all():
            return self
        here = (taken.reshape(-1, *[1] * (a.ndim - 1)) for a in self)
        return Pose(*(np.where(t, a, b) for t, a, b in zip(here, self, other, strict=True)))


class KinematicTree:
    """The kinematic tree of one body, as far as its keypoints need it."""

    def __init__(self, model: BodyModel) -> None:
        """Read the tree of ``model``; keypoints keep the body's order."""
        m = model.mj_model
        self.nq = m.nq
        self.site_body = m.site_bodyid[model.keypoint_site_ids]
        self.site_pos = m.site_pos[model.keypoint_site_ids].copy()
        self._parent, self._pos = m.body_parentid, m.body_pos.copy()
        self._turned = Rotation.from_quat(m.body_quat, scalar_first=True).as_matrix()
        self._needed = self._ancestors()
        self._joints = {b: range(m.body_jntadr[b], m.body_jntadr[b] + m.body_jntnum[b]) for b in self._needed}
        self.couplings = Couplings.of(m)
        self._active = self._with_drivers([j for b in self._needed for j in self._joints[b]])
        self._type = {j: int(m.jnt_type[j]) for j in self._active}
        self._qadr = {j: int(m.jnt_qposadr[j]) for j in self._active}
        self._axes = np.array([m.jnt_dofadr[j] + i for j in self._active for i in range(_DOFS[self._type[j]])], int)
        self._aadr = {j: int(np.searchsorted(self._axes, m.jnt_dofadr[j])) for j in self._active}
        self._own = ~np.isin(self._axes, m.jnt_dofadr[self.couplings.joint])
        self.dofs = self._axes[self._own]
        self.nv = len(self.dofs)
        free = [j for j in self._active if j not in self.couplings.joint]
        self._vadr = {j: int(np.searchsorted(self.dofs, m.jnt_dofadr[j])) for j in free}
        self._jpos, self._jaxis, self.qpos0 = m.jnt_pos.copy(), m.jnt_axis, m.qpos0.copy()
        self._carries = self._moves(m)
        self.moves = self._folded(self._carries, np.ones(len(self.couplings), bool))
        self._sliding = self._translational()
        self.translational = self._sliding[self._own]
        self.lower, self.upper, self.narrowed = self.couplings.limits(*self._limits(model))
        self._ball_limits = {j: limit for j, limit in ball_limits(m).items() if j in self._vadr}
        self.rest = self.within(self.qpos0[None])[0] if len(self.couplings) else self.qpos0
        self._segments(m)

    def _segments(self, m: mujoco.MjModel) -> None:
        """Note the segments whose size the keypoints can tell: those between a joint and another joint or keypoint."""
        found = {n: ids for n, ids in segments(m).items() if set(ids) & set(self._needed)}
        self.segment_names = tuple(found)
        self._segment_of = np.full(m.nbody, -1)
        for i, ids in enumerate(found.values()):
            self._segment_of[list(ids)] = i
        self.site_segment = self._segment_of[self.site_body]

    def scaled(self, factors: Float[np.ndarray, " segment"]) -> KinematicTree:
        """Return this tree with each segment (segment,) longer by its factor; `site_pos` follows."""
        out = copy.copy(self)
        by_body = np.where(self._segment_of >= 0, factors[self._segment_of] if len(factors) else 1.0, 1.0)
        out._pos = self._pos * by_body[self._parent][:, None]
        out._jpos = self._jpos.copy()
        for b in self._needed:
            for j in self._joints[b]:
                out._jpos[j] = self._jpos[j] * by_body[b]
        out.site_pos = self.site_pos * by_body[self.site_body][:, None]
        return out

    def _ancestors(self) -> list[int]:
        needed: set[int] = set()
        for b in self.site_body:
            while b:
                needed.add(int(b))
                b = self._parent[b]
        return sorted(needed)

    def _with_drivers(self, joints: list[int]) -> list[int]:
        """Joints with those that drive them, in the model's order."""
        found = set(joints)
        for joint, driver in reversed(list(zip(self.couplings.joint, self.couplings.driver, strict=True))):
            if joint in found and driver >= 0:
                found.add(int(driver))
        return sorted(found)

    def _folded(self, x: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Return (…, dof) of x (…, axis): what coupled joints do is their driver's, by ``slope`` (…, coupling)."""
        if self._own.all():
            return x
        x = x.copy()
        for c in reversed(range(len(self.couplings))):
            joint, driver = int(self.couplings.joint[c]), int(self.couplings.driver[c])
            if joint in self._aadr and driver >= 0:
                x[..., self._aadr[driver]] += x[..., self._aadr[joint]] * slope[..., c]
        return x[..., self._own]

    def _moves(self, m: mujoco.MjModel) -> np.ndarray:
        """(keypoint, axis) True where turning about or sliding along the axis moves the keypoint."""
        moves = np.zeros((len(self.site_body), len(self._axes)), bool)
        for k, b in enumerate(self.site_body):
            while b:
                moves[k] |= m.dof_bodyid[self._axes] == b
                b = self._parent[b]
        return moves

    def _translational(self) -> np.ndarray:
        """(axis,) True for one that something slides along."""
        out = np.zeros(len(self._axes), bool)
        for j in self._active:
            v = self._aadr[j]
            if self._type[j] == SLIDE:
                out[v] = True
            elif self._type[j] == FREE:
                out[v : v + 3] = True
        return out

    def _limits(self, model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
        """(qpos,) lower and upper limits; ±inf for free and ball joints."""
        lower, upper = np.full(self.nq, -np.inf), np.full(self.nq, np.inf)
        lower[model.joint_qposadr], upper[model.joint_qposadr] = model.joint_range.T
        return lower, upper

    @property
    def scalar(self) -> tuple[np.ndarray, np.ndarray]:
        """Places in qpos and among the dofs of the hinge and slide joints that follow no other."""
        ids = [j for j in self._vadr if self._type[j] in (HINGE, SLIDE)]
        return np.array([self._qadr[j] for j in ids], int), np.array([self._vadr[j] for j in ids], int)

    @property
    def has_root(self) -> bool:
        """True for a body with a free joint."""
        return FREE in self._type.values()

    @property
    def free_dofs(self) -> np.ndarray:
        """(dof,) True for the six dofs of a free joint."""
        out = np.zeros(self.nv, bool)
        for _, v in self._free_joints():
            out[v : v + 6] = True
        return out

    @property
    def root_qposadr(self) -> int:
        """Where the free joint's position begins in qpos; its quaternion follows."""
        return next(self._qadr[j] for j in self._active if self._type[j] == FREE)

    def root_pos(self, q: Float[np.ndarray, "pose qpos"]) -> Float[np.ndarray, "pose 3"]:
        """Return (N, 3) m, where the free root is; 0 for a body without one."""
        return q[:, self.root_qposadr : self.root_qposadr + 3] if self.has_root else np.zeros((len(q), 3))

    def with_root_scaled(self, q: np.ndarray, factor: float) -> np.ndarray:
        """Return ``q`` (N, qpos) with the free root's position times ``factor``."""
        out = q.copy()
        for a, _ in self._free_joints():
            out[:, a : a + 3] *= factor
        return out

    def quaternions(self) -> list[tuple[int, int]]:
        """(place in qpos, place of its angular velocity among the dofs) of each quaternion."""
        out = []
        for j in self._vadr:
            if self._type[j] == FREE:
                out.append((self._qadr[j] + 3, self._vadr[j] + 3))
            elif self._type[j] == BALL:
                out.append((self._qadr[j], self._vadr[j]))
        return out

    def _free_joints(self) -> list[tuple[int, int]]:
        """(place in qpos, place among the dofs) of each free joint's position."""
        return [(self._qadr[j], self._vadr[j]) for j in self._active if self._type[j] == FREE]

    def pose(self, q: Float[np.ndarray, "pose qpos"]) -> Pose:
        """Return the pose of every keypoint's body for ``q`` (N, qpos)."""
        n = len(q)
        pos = {0: np.zeros((n, 3))}
        rot = {0: np.broadcast_to(np.eye(3), (n, 3, 3))}
        anchor, axis = np.zeros((n, len(self._axes), 3)), np.zeros((n, len(self._axes), 3))
        for b in self._needed:
            parent = int(self._parent[b])
            p = pos[parent] + _times(rot[parent], self._pos[b])
            r = _times(rot[parent], self._turned[b])
            for j in self._joints[b]:
                p, r = self._joint(j, q, p, r, anchor, axis)
            pos[b], rot[b] = p, r
        return Pose(
            np.stack([pos[int(b)] for b in self.site_body], 1),
            np.stack([rot[int(b)] for b in self.site_body], 1),
            anchor,
            axis,
            self.couplings.slopes(q),
        )

    def _joint(
        self, j: int, q: np.ndarray, p: np.ndarray, r: np.ndarray, anchor: np.ndarray, axis: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Apply joint ``j`` to a body at ``p``, ``r``; fill its anchors and axes."""
        kind, a, v = self._type[j], self._qadr[j], self._aadr[j]
        if kind == FREE:
            p, r = q[:, a : a + 3], _rotations(q, a + 3).as_matrix()
            axis[:, v : v + 3] = np.eye(3)
            axis[:, v + 3 : v + 6] = np.swapaxes(r, 1, 2)
            anchor[:, v + 3 : v + 6] = p[:, None]
            return p, r
        if kind == SLIDE:
            axis[:, v] = _times(r, self._jaxis[j])
            return p + axis[:, v] * (q[:, a] - self.qpos0[a])[:, None], r
        at = p + _times(r, self._jpos[j])
        if kind == HINGE:
            axis[:, v], anchor[:, v] = _times(r, self._jaxis[j]), at
            r = r @ Rotation.from_rotvec((q[:, a] - self.qpos0[a])[:, None] * self._jaxis[j]).as_matrix()
        else:
            r = r @ _rotations(q, a).as_matrix()
            axis[:, v : v + 3], anchor[:, v : v + 3] = np.swapaxes(r, 1, 2), at[:, None]
        return at - _times(r, self._jpos[j]), r

    def jacobian(
        self, pose: Pose, sites: Float[np.ndarray, "pose keypoint 3"]
    ) -> Float[np.ndarray, "pose keypoint 3 dof"]:
        """Return (N, keypoint, 3, dof) derivatives of ``sites`` (N, keypoint, 3) by the dofs, m/rad or 1."""
        still = self._sliding[:, None]
        turning = np.where(still, 0.0, pose.axis)
        constant = np.where(still, pose.axis, -np.cross(turning, pose.anchor))
        out = turn_columns(sites) @ np.swapaxes(turning, 1, 2)[:, None]
        out += np.swapaxes(constant, 1, 2)[:, None]
        return self._folded(np.where(self._carries[:, None], out, 0.0), pose.slope[:, None, None])

    def stretch(self, q: Float[np.ndarray, "pose qpos"]) -> Float[np.ndarray, "pose keypoint segment 3"]:
        """Return (N, keypoint, segment, 3) m: how each keypoint's body moves as a segment grows by its own size.

        Positions are linear in the segments' sizes while the joints rest, so differences are exact.
        """
        now = self.pose(q).origin
        grown = [self.scaled(1.0 + g).pose(q).origin - now for g in np.eye(len(self.segment_names))]
        return np.stack(grown, 2) if grown else np.zeros((*now.shape[:2], 0, 3))

    def integrate(
        self, q: Float[np.ndarray, "pose qpos"], step: Float[np.ndarray, "pose dof"]
    ) -> Float[np.ndarray, "pose qpos"]:
        """Return ``q`` (N, qpos) moved by ``step`` (N, dof)."""
        out = q.copy()
        qs, vs = self.scalar
        out[:, qs] += step[:, vs]
        for a, v in self._free_joints():
            out[:, a : a + 3] += step[:, v : v + 3]
        for a, v in self.quaternions():
            turned = _rotations(q, a) * Rotation.from_rotvec(step[:, v : v + 3])
            out[:, a : a + 4] = turned.as_quat(scalar_first=True)
        return out

    def within(self, q: Float[np.ndarray, "pose qpos"]) -> Float[np.ndarray, "pose qpos"]:
        """Return ``q`` (N, qpos) brought within the joints' limits, coupled joints where their drivers put them.

        A ball joint beyond its limit is turned back about the axis that it was turned about.
        """
        out = np.clip(q, self.lower, self.upper)
        for j, limit in self._ball_limits.items():
            a = self._qadr[j]
            turn = _rotations(out, a).as_rotvec()
            angle = np.linalg.norm(turn, axis=1, keepdims=True)
            back = Rotation.from_rotvec(turn * np.minimum(1.0, limit / np.maximum(angle, 1e-12)))
            out[:, a : a + 4] = np.where(angle > limit, back.as_quat(scalar_first=True), out[:, a : a + 4])
        return self.couplings.settle(out) if len(self.couplings) else out

    def ball_edges(self, q: Float[np.ndarray, "pose qpos"], slack: float) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Return (place among the dofs, at its limit (N,), direction outwards (N, 3)) of each limited ball joint."""
        out = []
        for j, limit in self._ball_limits.items():
            turn = _rotations(q, self._qadr[j]).as_rotvec()
            angle = np.linalg.norm(turn, axis=1)
            out.append((self._vadr[j], angle >= limit - slack, turn / np.maximum(angle, 1e-12)[:, None]))
        return out

    def balls(self) -> list[tuple[int, float]]:
        """(place in qpos, largest angle, pi without a limit) of each ball joint."""
        return [(self._qadr[j], self._ball_limits.get(j, np.pi)) for j in self._vadr if self._type[j] == BALL]

    def difference(
        self, q1: Float[np.ndarray, "pose qpos"], q0: Float[np.ndarray, "pose qpos"]
    ) -> Float[np.ndarray, "pose dof"]:
        """Return (N, dof) the step that carries ``q0`` to ``q1``."""
        out = np.zeros((len(q1), self.nv))
        qs, vs = self.scalar
        out[:, vs] = q1[:, qs] - q0[:, qs]
        for a, v in self._free_joints():
            out[:, v : v + 3] = q1[:, a : a + 3] - q0[:, a : a + 3]
        for a, v in self.quaternions():
            out[:, v : v + 3] = (_rotations(q0, a).inv() * _rotations(q1, a)).as_rotvec()
        return out


def turn_columns(v: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3 3"]:
    """Return (…, 3, 3) matrices M of vectors (…, 3) with M w = w x v."""
    x, y, z = np.moveaxis(v, -1, 0)
    o = np.zeros_like(x)
    return np.stack([o, z, -y, -z, o, x, y, -x, o], -1).reshape(*v.shape, 3)


def _times(r: Float[np.ndarray, "pose 3 3"], x: np.ndarray) -> np.ndarray:
    """Return ``r @ x`` of a vector (3,) or matrix (3, 3) in one product, much faster than in one for each pose."""
    return (r.reshape(-1, 3) @ x).reshape(len(r), 3, *x.shape[1:])


def _rotations(q: Float[np.ndarray, "pose qpos"], a: int) -> Rotation:
    """The rotations that stand in ``q`` (N, qpos) from place ``a`` on, as quaternions with w first."""
    return Rotation.from_quat(q[:, a : a + 4], scalar_first=True)
