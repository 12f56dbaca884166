"""Forward kinematics of a MuJoCo body over many poses at once, with exact Jacobians.

The loop runs over the bodies of the tree, never over frames. The recursions are MuJoCo's own
(``mj_kinematics``, ``mj_jac``, ``mj_integratePos``, ``mj_differentiatePos``), in float64 throughout.
"""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from mimic_core import BodyModel

FREE, BALL = int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_BALL)
SLIDE, HINGE = int(mujoco.mjtJoint.mjJNT_SLIDE), int(mujoco.mjtJoint.mjJNT_HINGE)


class Pose(NamedTuple):
    """Where the bodies that carry keypoints are, for N poses."""

    origin: np.ndarray
    """(N, keypoint, 3) m, origin of each keypoint's body"""
    rotation: np.ndarray
    """(N, keypoint, 3, 3) body axes as columns"""
    anchor: np.ndarray
    """(N, dof, 3) m, point that a rotational dof turns about; 0 for a translational one"""
    axis: np.ndarray
    """(N, dof, 3) world axis of each dof"""

    def sites(self, offsets: np.ndarray) -> np.ndarray:
        """Return (N, keypoint, 3) m positions of points at ``offsets`` (keypoint, 3) m in their bodies' frames."""
        return self.origin + np.einsum("nkij,kj->nki", self.rotation, offsets)


class Kinematics:
    """The kinematic tree of one body, as far as its keypoints need it."""

    def __init__(self, model: BodyModel) -> None:
        """Read the tree of ``model``; keypoints keep the body's order."""
        m = model.mj_model
        self.nq, self.nv = m.nq, m.nv
        self.site_body = m.site_bodyid[model.keypoint_site_ids]
        self.site_pos = m.site_pos[model.keypoint_site_ids].copy()
        self._parent, self._pos = m.body_parentid, m.body_pos
        self._quat = m.body_quat
        self._joints = [range(a, a + n) if n else range(0) for a, n in zip(m.body_jntadr, m.body_jntnum, strict=True)]
        self._type = [int(t) for t in m.jnt_type]
        self._qadr, self._vadr = m.jnt_qposadr, m.jnt_dofadr
        self._jpos, self._jaxis, self.qpos0 = m.jnt_pos, m.jnt_axis, m.qpos0.copy()
        self._needed = self._ancestors()
        self.moves = self._moves(m)
        self.translational = self._translational()
        self.lower, self.upper = self._limits(model)

    def _ancestors(self) -> list[int]:
        needed: set[int] = set()
        for b in self.site_body:
            while b:
                needed.add(int(b))
                b = self._parent[b]
        return sorted(needed)

    def _moves(self, m: mujoco.MjModel) -> np.ndarray:
        """(keypoint, dof) True where the dof moves the keypoint."""
        moves = np.zeros((len(self.site_body), self.nv), bool)
        for k, b in enumerate(self.site_body):
            while b:
                moves[k] |= m.dof_bodyid == b
                b = self._parent[b]
        return moves

    def _translational(self) -> np.ndarray:
        out = np.zeros(self.nv, bool)
        for kind, v in zip(self._type, self._vadr, strict=True):
            if kind == SLIDE:
                out[v] = True
            elif kind == FREE:
                out[v : v + 3] = True
        return out

    def _limits(self, model: BodyModel) -> tuple[np.ndarray, np.ndarray]:
        """(qpos,) lower and upper limits; ±inf for free and ball joints."""
        lower, upper = np.full(self.nq, -np.inf), np.full(self.nq, np.inf)
        lower[model.joint_qposadr], upper[model.joint_qposadr] = model.joint_range.T
        return lower, upper

    @property
    def scalar(self) -> tuple[np.ndarray, np.ndarray]:
        """Places of the hinge and slide joints in qpos and in qvel."""
        ids = [j for j, t in enumerate(self._type) if t in (HINGE, SLIDE)]
        return self._qadr[ids], self._vadr[ids]

    @property
    def has_root(self) -> bool:
        """True for a body with a free joint."""
        return FREE in self._type

    @property
    def root_qposadr(self) -> int:
        """Where the free joint's position begins in qpos; its quaternion follows."""
        return int(self._qadr[self._type.index(FREE)])

    def quaternions(self) -> list[tuple[int, int]]:
        """(place in qpos, place of its angular velocity in qvel) of each quaternion."""
        out = []
        for kind, q, v in zip(self._type, self._qadr, self._vadr, strict=True):
            if kind == FREE:
                out.append((int(q) + 3, int(v) + 3))
            elif kind == BALL:
                out.append((int(q), int(v)))
        return out

    def pose(self, q: np.ndarray) -> Pose:
        """Return the pose of every keypoint's body for ``q`` (N, qpos)."""
        n = len(q)
        pos = {0: np.zeros((n, 3))}
        rot = {0: np.broadcast_to(np.eye(3), (n, 3, 3))}
        anchor, axis = np.zeros((n, self.nv, 3)), np.zeros((n, self.nv, 3))
        for b in self._needed:
            parent = int(self._parent[b])
            p = pos[parent] + rot[parent] @ self._pos[b]
            r = rot[parent] @ quat_to_matrix(self._quat[b])
            for j in self._joints[b]:
                p, r = self._joint(j, q, p, r, anchor, axis)
            pos[b], rot[b] = p, r
        return Pose(
            np.stack([pos[int(b)] for b in self.site_body], 1),
            np.stack([rot[int(b)] for b in self.site_body], 1),
            anchor,
            axis,
        )

    def _joint(
        self, j: int, q: np.ndarray, p: np.ndarray, r: np.ndarray, anchor: np.ndarray, axis: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Apply joint ``j`` to a body at ``p``, ``r``; fill its dofs' anchors and axes."""
        kind, a, v = self._type[j], int(self._qadr[j]), int(self._vadr[j])
        if kind == FREE:
            p, r = q[:, a : a + 3], quat_to_matrix(q[:, a + 3 : a + 7])
            axis[:, v : v + 3] = np.eye(3)
            axis[:, v + 3 : v + 6] = np.swapaxes(r, 1, 2)
            anchor[:, v + 3 : v + 6] = p[:, None]
            return p, r
        if kind == SLIDE:
            axis[:, v] = r @ self._jaxis[j]
            return p + axis[:, v] * (q[:, a] - self.qpos0[a])[:, None], r
        at = p + r @ self._jpos[j]
        if kind == HINGE:
            axis[:, v], anchor[:, v] = r @ self._jaxis[j], at
            r = r @ axis_angle_to_matrix(self._jaxis[j], q[:, a] - self.qpos0[a])
        else:
            r = r @ quat_to_matrix(q[:, a : a + 4])
            axis[:, v : v + 3], anchor[:, v : v + 3] = np.swapaxes(r, 1, 2), at[:, None]
        return at - r @ self._jpos[j], r

    def jacobian(self, pose: Pose, sites: np.ndarray) -> np.ndarray:
        """Return (N, keypoint, 3, dof) derivatives of ``sites`` (N, keypoint, 3) by the dofs, m/rad or 1."""
        arm = sites[:, :, None] - pose.anchor[:, None]
        turn = np.cross(pose.axis[:, None], arm)
        out = np.where(self.translational[:, None], pose.axis[:, None], turn)
        return np.swapaxes(np.where(self.moves[..., None], out, 0.0), 2, 3)

    def integrate(self, q: np.ndarray, step: np.ndarray) -> np.ndarray:
        """Return ``q`` (…, qpos) moved by ``step`` (…, dof)."""
        out = q.copy()
        qs, vs = self.scalar
        out[..., qs] += step[..., vs]
        for kind, a, v in zip(self._type, self._qadr, self._vadr, strict=True):
            if kind == FREE:
                out[..., a : a + 3] += step[..., v : v + 3]
        for a, v in self.quaternions():
            out[..., a : a + 4] = quat_mul(q[..., a : a + 4], rotvec_to_quat(step[..., v : v + 3]))
        return out

    def difference(self, q1: np.ndarray, q0: np.ndarray) -> np.ndarray:
        """Return (…, dof) the step that carries ``q0`` to ``q1``."""
        out = np.zeros((*q1.shape[:-1], self.nv))
        qs, vs = self.scalar
        out[..., vs] = q1[..., qs] - q0[..., qs]
        for kind, a, v in zip(self._type, self._qadr, self._vadr, strict=True):
            if kind == FREE:
                out[..., v : v + 3] = q1[..., a : a + 3] - q0[..., a : a + 3]
        for a, v in self.quaternions():
            inverse = q0[..., a : a + 4] * np.array([1.0, -1.0, -1.0, -1.0])
            out[..., v : v + 3] = quat_to_rotvec(quat_mul(inverse, q1[..., a : a + 4]))
        return out


def quat_to_matrix(quat: np.ndarray) -> np.ndarray:
    """Return (…, 3, 3) rotations of quaternions (…, 4), w first; they need not have length 1."""
    w, x, y, z = np.moveaxis(quat / np.linalg.norm(quat, axis=-1, keepdims=True), -1, 0)
    rows = [
        1 - 2 * (y * y + z * z),
        2 * (x * y - w * z),
        2 * (x * z + w * y),
        2 * (x * y + w * z),
        1 - 2 * (x * x + z * z),
        2 * (y * z - w * x),
        2 * (x * z - w * y),
        2 * (y * z + w * x),
        1 - 2 * (x * x + y * y),
    ]
    return np.stack(rows, -1).reshape(*quat.shape[:-1], 3, 3)


def axis_angle_to_matrix(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Return (N, 3, 3) rotations by ``angle`` (N,) rad about one unit ``axis`` (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    s, c = np.sin(angle)[:, None, None], np.cos(angle)[:, None, None]
    return np.eye(3) + s * cross + (1 - c) * (cross @ cross)


def quat_mul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Hamilton product of quaternions (…, 4), w first."""
    w = a[..., :1] * b[..., :1] - np.sum(a[..., 1:] * b[..., 1:], -1, keepdims=True)
    v = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([w, v], -1)


def rotvec_to_quat(v: np.ndarray) -> np.ndarray:
    """Return (…, 4) quaternions of rotation vectors (…, 3) rad."""
    half = 0.5 * np.linalg.norm(v, axis=-1, keepdims=True)
    return np.concatenate([np.cos(half), 0.5 * v * np.sinc(half / np.pi)], -1)


def quat_to_rotvec(quat: np.ndarray) -> np.ndarray:
    """Return (…, 3) rad rotation vectors of quaternions (…, 4), the shorter way round."""
    quat = np.where(quat[..., :1] < 0, -quat, quat)
    norm = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(norm, quat[..., :1])
    return quat[..., 1:] * np.where(norm > 1e-12, angle / np.maximum(norm, 1e-12), 2.0)
