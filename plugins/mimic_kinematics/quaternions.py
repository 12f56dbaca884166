"""Quaternions among a model's coordinates: those of a free root and of ball joints."""

from __future__ import annotations

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

FREE, BALL = int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_BALL)


def places(m: mujoco.MjModel) -> list[tuple[int, int]]:
    """Return (place in qpos, place of its angular velocity in qvel) of each quaternion, w first."""
    out = []
    for kind, q, v in zip(m.jnt_type, m.jnt_qposadr, m.jnt_dofadr, strict=True):
        if kind == FREE:
            out.append((int(q) + 3, int(v) + 3))
        elif kind == BALL:
            out.append((int(q), int(v)))
    return out


def ball_limits(m: mujoco.MjModel) -> dict[int, float]:
    """Return ball joint → largest angle (rad) from its reference orientation; unlimited ones are left out."""
    balls = np.flatnonzero((m.jnt_type == BALL) & (m.jnt_limited != 0))
    return {int(j): float(m.jnt_range[j].max()) for j in balls}


def tidy(m: mujoco.MjModel, qpos: np.ndarray) -> np.ndarray:
    """Return qpos (frame, nq) with quaternions of length 1 whose sign does not jump from frame to frame.

    q and -q are the same orientation; an interpolation between the two would turn the long way round.
    """
    out = np.array(qpos, float)
    for a, _ in places(m):
        q = out[:, a : a + 4]
        q /= np.linalg.norm(q, axis=1, keepdims=True)
        flips = np.where((q[1:] * q[:-1]).sum(1) < 0, -1.0, 1.0)
        q *= np.concatenate([[1.0], np.cumprod(flips)])[: len(q), None]
    return out


def mean(m: mujoco.MjModel, qpos: np.ndarray) -> np.ndarray:
    """Return the mean (nq,) of qpos (frame, nq); of quaternions the mean orientation."""
    out = qpos.mean(0)
    for a, _ in places(m):
        turns = Rotation.from_quat(qpos[:, a : a + 4], scalar_first=True)
        out[a : a + 4] = turns.mean().as_quat(scalar_first=True)
    return out
