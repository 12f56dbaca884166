"""Jumps of the tracking: frames where a keypoint leaves its own smooth course and comes back.

A smoothing spline through each keypoint's positions is fitted robustly (Tukey's biweight, iteratively
reweighted; Garcia 2010, doi:10.1016/j.csda.2009.09.020), so that positions that jump away do not bend it. The
body's model is not used here: turning the joints can always follow a wrist that jumps by a millimetre.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import solveh_banded

from mimic_stac.pose import MM, Smoothness

COURSE_HZ = 35.0  # animals' limbs move slower than this; what is faster and large is the tracking
_SHARE_OF_RATE = 0.25  # a course as fast as the camera would follow every jump
_FASTEST = 9000.0  # rad/s²; a joint that would have to be accelerated more did not make that movement
_JUMP_RAD = (0.1, 1.0)  # whatever the camera's rate: less is noise, more is a jump
_NOISE_TIMES = 6.0
_MEDIAN_3D = 1.538  # median length of a vector of three standard normal numbers
_ROUNDS = 15
DISTRUST = 0.25  # below this much trust a position counts as judged wrong


def smallest_outlier(dof_mm: np.ndarray, translational: np.ndarray) -> float:
    """Return the distance in mm from the body within which a keypoint is never an outlier."""
    return _JUMP_RAD[0] * _length(dof_mm, translational)


def smallest_jump(dof_mm: np.ndarray, translational: np.ndarray, rate_hz: float) -> float:
    """Return the distance in mm that a keypoint must leave its course by, from dof lengths (dof,) mm/rad.

    To leave and be back within two frames takes an acceleration of 4 distance rate². A slow camera sees real
    movements do that, so there the distance is larger.
    """
    return float(np.clip(_FASTEST / (4 * rate_hz**2), *_JUMP_RAD)) * _length(dof_mm, translational)


def _length(dof_mm: np.ndarray, translational: np.ndarray) -> float:
    return float(np.median(dof_mm[~translational] if (~translational).any() else dof_mm))


def trust_in_time(
    pos: Float[np.ndarray, "frame keypoint 3"],
    seen: Float[np.ndarray, "frame keypoint"],
    clip: Int[np.ndarray, " frame"],
    rate_hz: float,
    jump_mm: float,
) -> tuple[Float[np.ndarray, "frame keypoint"], Float[np.ndarray, " keypoint"]]:
    """Return (frame, keypoint) in [0, 1]: ``seen``, less where a keypoint is off its course by ``jump_mm`` or more.

    In noisy recordings it takes `_NOISE_TIMES` the usual departure. Also returned is each keypoint's noise
    (keypoint,) mm, the standard deviation along an axis of what is too fast to be movement.

    Args:
        pos: (frame, keypoint, 3) m; anything where not seen.
        seen: (frame, keypoint) 0 where missing.
        clip: (frame,) number of the clip.
    """
    cutoff_hz = min(COURSE_HZ, _SHARE_OF_RATE * rate_hz)
    course = Smoothness(clip, rate_hz, cutoff_hz, np.ones(1))
    out, noise = np.empty_like(seen), np.zeros(pos.shape[1])
    for k in range(pos.shape[1]):
        y, w = pos[:, k] * MM, seen[:, k]
        usual = np.median(_departure(course, y, w)[w > 0]) if w.any() else 0.0
        limit = max(jump_mm, _NOISE_TIMES * usual)
        # A spline's response 1 / (1 + (f / cutoff)^4) lets through 1.11 times the cutoff's share of white noise.
        noise[k] = usual / _MEDIAN_3D / np.sqrt(1 - 1.11 * 2 * cutoff_hz / rate_hz)
        for _ in range(_ROUNDS):
            new = seen[:, k] * np.clip(1 - (_departure(course, y, w) / limit) ** 2, 0, 1) ** 2
            done = np.abs(new - w).max() < 1e-3
            w = new
            if done:
                break
        out[:, k] = w
    # Below the threshold a departure is ordinary movement and keeps its full weight.
    return np.where(out > _kept(0.5) * seen, seen, out), noise


def _departure(course: Smoothness, y: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Distances (frame,) of positions ``y`` (frame, 3) with weights ``w`` (frame,) from their smooth course."""
    bands = course.bands.copy()
    bands[0] += w + 1e-9
    return np.linalg.norm(y - solveh_banded(bands, w[:, None] * y, lower=True), axis=1)


def _kept(share: float) -> float:
    """Biweight at a ``share`` of the threshold."""
    return (1 - share**2) ** 2


def runs(bad: np.ndarray) -> list[tuple[int, int]]:
    """Return (first, last) of each run of True in ``bad`` (frame,)."""
    edges = np.flatnonzero(np.diff(np.r_[0, bad.astype(int), 0]))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
