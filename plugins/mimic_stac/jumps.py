"""Jumps of the tracking: frames where a keypoint leaves its own smooth course and comes back.

A smoothing spline through each keypoint's positions is fitted robustly (Tukey's biweight, iteratively
reweighted; Garcia 2010, doi:10.1016/j.csda.2009.09.020), so that it passes by what jumps away. The body has
no say here: a wrist that jumps by a millimetre can always be followed by turning the joints.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from mimic_stac.pose import MM, Smoothness

COURSE_HZ = 35.0  # animals' limbs move slower than this; what is faster and large is the tracking
_SHARE_OF_RATE = 0.25  # a course as fast as the camera would follow every jump
_FASTEST = 9000.0  # rad/s²; a joint that would have to be accelerated more did not make that movement
_JUMP_RAD = (0.1, 1.0)  # whatever the camera's rate: less is noise, more is a jump
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


def trust_in_time(pos: np.ndarray, seen: np.ndarray, clip: np.ndarray, rate_hz: float, jump_mm: float) -> np.ndarray:
    """Return (frame, keypoint) in [0, 1]: ``seen``, less where a keypoint is off its course by ``jump_mm`` or more.

    Args:
        pos: (frame, keypoint, 3) m; anything where not seen.
        seen: (frame, keypoint) 0 where missing.
        clip: (frame,) number of the clip.
    """
    course = Smoothness(clip, rate_hz, min(COURSE_HZ, _SHARE_OF_RATE * rate_hz), np.ones(1))
    out = np.empty_like(seen)
    for k in range(pos.shape[1]):
        y, w = pos[:, k] * MM, seen[:, k]
        for _ in range(_ROUNDS):
            bands = course.bands.copy()
            bands[0] += w + 1e-9
            off = np.linalg.norm(y - solveh_banded(bands, w[:, None] * y, lower=True), axis=1)
            new = seen[:, k] * np.clip(1 - (off / jump_mm) ** 2, 0, 1) ** 2
            done = np.abs(new - w).max() < 1e-3
            w = new
            if done:
                break
        out[:, k] = w
    # Below the threshold a departure is ordinary movement and keeps its full weight.
    return np.where(out > _kept(0.5) * seen, seen, out)


def _kept(share: float) -> float:
    """Biweight at a ``share`` of the threshold."""
    return (1 - share**2) ** 2


def runs(bad: np.ndarray) -> list[tuple[int, int]]:
    """Return (first, last) of each run of True in ``bad`` (frame,)."""
    edges = np.flatnonzero(np.diff(np.r_[0, bad.astype(int), 0]))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
