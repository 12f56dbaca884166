"""Bringing registered clips to the control rate."""

from __future__ import annotations

import attrs
import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from mimic_core.body.model import BodyModel
from mimic_core.errors import DataError
from mimic_core.records.clips import ReferenceClips


@attrs.frozen
class Reference:
    """Reference states at the control rate. Past a clip's end its last state is held.

    Attributes:
        qpos: (clip, step, qpos).
        qvel: (clip, step, qvel), the derivative of the interpolated qpos.
        n_steps: (clip,) instants of each clip, the first one at its start.
    """

    qpos: np.ndarray
    qvel: np.ndarray
    n_steps: np.ndarray


def resample(clips: ReferenceClips, model: BodyModel, rate_hz: float, lowpass_hz: float = 0.0) -> Reference:
    """Interpolate clips to ``rate_hz`` by cubic splines, optionally low-passed first (zero phase).

    The low-pass is a 2nd-order Butterworth run forwards and backwards. Velocities are exact derivatives of the
    spline; the angular velocity of a free root and of ball joints is 2·q*⊗q̇, in the body's frame as MuJoCo has it.

    Raises:
        DataError: a clip is shorter than 4 frames.
    """
    quats = _addresses(model, 4)
    pieces = []
    for name, n, qpos in zip(clips.clip_names, clips.n_frames, clips.qpos, strict=True):
        if n < 4:
            raise DataError(f"clip {name}: has {n} frames, at least 4 are needed; leave it out")
        q = np.array(qpos[:n], dtype=float)
        for a, _ in quats:
            q[:, a : a + 4] = _continuous(q[:, a : a + 4])
        if 0 < lowpass_hz < clips.rate_hz / 2:
            sos = butter(2, lowpass_hz, fs=clips.rate_hz, output="sos")
            q = sosfiltfilt(sos, q, axis=0, padlen=min(12, len(q) - 1))
        spline = CubicSpline(np.arange(n) / clips.rate_hz, q, bc_type="natural")
        steps = int(np.floor((n - 1) / clips.rate_hz * rate_hz + 1e-9)) + 1
        time = np.arange(steps) / rate_hz
        pieces.append(_state(spline(time), spline(time, 1), model, quats))
    n_steps = np.array([len(p[0]) for p in pieces])
    held = np.minimum(np.arange(n_steps.max()), n_steps[:, None] - 1)
    qpos, qvel = (np.stack([p[i][h] for p, h in zip(pieces, held, strict=True)]) for i in (0, 1))
    return Reference(qpos, qvel, n_steps)


def resample_positions(
    positions: Float[np.ndarray, "clip frame keypoint 3"],
    n_frames: Int[np.ndarray, " clip"],
    n_steps: Int[np.ndarray, " clip"],
    from_hz: float,
    to_hz: float,
) -> Float[np.ndarray, "clip step keypoint 3"]:
    """Interpolate positions (clip, frame, keypoint, 3) linearly from one rate to another.

    Missing (NaN) neighbours and what is past a clip's end give NaN. ``n_frames`` and ``n_steps`` (clip,) say how many
    instants each clip has at the two rates.
    """
    out = np.full((len(positions), int(n_steps.max()), *positions.shape[2:]), np.nan)
    for i, (clip, n, steps) in enumerate(zip(positions, n_frames, n_steps, strict=True)):
        at = np.minimum(np.arange(steps) / to_hz * from_hz, n - 1)
        low = np.minimum(np.floor(at + 1e-9).astype(int), n - 1)
        share = np.clip(at - low, 0, 1)[:, None, None]
        high = np.where(share[:, 0, 0] > 1e-9, np.minimum(low + 1, n - 1), low)
        out[i, :steps] = clip[low] + share * (clip[high] - clip[low])
    return out


def _addresses(model: BodyModel, width: int) -> list[tuple[int, int]]:
    """Places in qpos and qvel of numbers that change by their own rate (``width`` 1), or of quaternions (4)."""
    parts = {0: (1, 1, 1, 4), 1: (4,), 2: (1,), 3: (1,)}  # by mjtJoint: free, ball, slide, hinge
    out, q, v = [], 0, 0
    for part in (part for kind in model.mj_model.jnt_type.tolist() for part in parts[kind]):
        out += [(q, v)] if part == width else []
        q, v = q + part, v + (3 if part == 4 else 1)
    return out


def _continuous(q: np.ndarray) -> np.ndarray:
    """Choose between q and −q so that neighbouring frames are close."""
    flips = np.where((q[1:] * q[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    return q * np.concatenate([[1.0], np.cumprod(flips)])[:, None]


def _state(
    q: np.ndarray, dq: np.ndarray, model: BodyModel, quats: list[tuple[int, int]]
) -> tuple[np.ndarray, np.ndarray]:
    qvel = np.zeros((len(q), model.mj_model.nv))
    for a, v in _addresses(model, 1):
        qvel[:, v] = dq[:, a]
    for a, v in quats:
        norm = np.linalg.norm(q[:, a : a + 4], axis=1, keepdims=True)
        q[:, a : a + 4] /= norm
        qvel[:, v : v + 3] = _angular_velocity(q[:, a : a + 4], dq[:, a : a + 4] / norm)
    return q, qvel


def _angular_velocity(
    q: Float[np.ndarray, "frame 4"], dq: Float[np.ndarray, "frame 4"]
) -> Float[np.ndarray, "frame 3"]:
    """Body-frame angular velocity, rad/s, of unit quaternions: the vector part of 2·q*⊗q̇ (scipy cannot hold q̇)."""
    w, v, dw, dv = q[:, :1], q[:, 1:], dq[:, :1], dq[:, 1:]
    return 2 * (w * dv - dw * v - np.cross(v, dv))
