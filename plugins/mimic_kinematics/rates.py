"""Rates of recorded poses."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, RotationSpline

from mimic_core import BodyModel
from mimic_kinematics.quaternions import places


def velocity(
    qpos: Float[np.ndarray, "frame qpos"], model: BodyModel, rate_hz: float
) -> Float[np.ndarray, "frame qvel"]:
    """Return (frame, qvel) rates of one clip's ``qpos`` (frame, qpos), at its own frames.

    They are derivatives of cubic splines through the frames; the angular velocity of a free root and of ball joints is
    that of the spline on the rotation group (`scipy.spatial.transform.RotationSpline`), in the body's frame as MuJoCo
    has it. A single frame is at rest.
    """
    m = model.mj_model
    out = np.zeros((len(qpos), m.nv))
    if len(qpos) < 2:
        return out
    time, turned = np.arange(len(qpos)) / rate_hz, places(m)
    rate = CubicSpline(time, qpos)(time, 1)
    plain = np.setdiff1d(np.arange(m.nq), [a + i for a, _ in turned for i in range(4)])
    out[:, np.setdiff1d(np.arange(m.nv), [v + i for _, v in turned for i in range(3)])] = rate[:, plain]
    for a, v in turned:
        out[:, v : v + 3] = RotationSpline(time, Rotation.from_quat(qpos[:, a : a + 4], scalar_first=True))(time, 1)
    return out
