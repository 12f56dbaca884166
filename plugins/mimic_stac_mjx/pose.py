"""Where a body's segments are, and what qpos holds of them."""

from __future__ import annotations

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

FREE, SLIDE = int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_SLIDE)


def poses(model: mujoco.MjModel, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (N, body, 3) m and quaternions (N, body, 4), w first, of all bodies at ``qpos`` (N, qpos)."""
    data = mujoco.MjData(model)
    xpos, xquat = np.empty((len(qpos), model.nbody, 3)), np.empty((len(qpos), model.nbody, 4))
    for i, q in enumerate(qpos):
        data.qpos[:] = q
        mujoco.mj_kinematics(model, data)
        xpos[i], xquat[i] = data.xpos, data.xquat
    return xpos, xquat


def rotation(quat: np.ndarray) -> np.ndarray:
    """Return (…, 3, 3) matrices of quaternions (…, 4), w first."""
    flat = Rotation.from_quat(quat.reshape(-1, 4), scalar_first=True)
    return flat.as_matrix().reshape(*quat.shape[:-1], 3, 3)


def qpos_names(model: mujoco.MjModel) -> list[str]:
    """Return the joint that each entry of qpos belongs to; a free joint has seven entries, a ball joint four."""
    widths = np.diff([*model.jnt_qposadr, model.nq])
    return [model.joint(j).name for j in range(model.njnt) for _ in range(widths[j])]


def is_length(model: mujoco.MjModel) -> np.ndarray:
    """Return (qpos,) True where an entry of qpos is in metres."""
    out = np.zeros(model.nq, bool)
    for kind, at in zip(model.jnt_type, model.jnt_qposadr, strict=True):
        out[at : at + {FREE: 3, SLIDE: 1}.get(int(kind), 0)] = True
    return out
