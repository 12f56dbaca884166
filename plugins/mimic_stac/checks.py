"""What a registration demands of keypoints before it begins."""

from __future__ import annotations

import numpy as np

from mimic_core import DataError, Keypoints
from mimic_core.records import METRES_PER
from mimic_stac.jumps import runs
from mimic_stac.kinematics import KinematicTree

MIN_FRAMES = 4
_LARGEST_RATIO = 30.0


def where(keypoints: Keypoints, clip: int) -> str:
    """Name a clip as the user knows it: its file where there is one."""
    if len(keypoints.files) == len(keypoints.clip_names):
        return keypoints.files[clip]
    return f"clip {keypoints.clip_names[clip]}"


def check_gaps(keypoints: Keypoints, max_gap_ms: float) -> dict[str, int]:
    """Return how many gaps (and how many missing keypoint positions) are to be bridged.

    Raises:
        DataError: a clip is too short, holds infinite numbers, or a keypoint is missing for longer
            than ``max_gap_ms``, at a clip's edge too.
    """
    gaps = positions = 0
    for c, clip in enumerate(keypoints.clips()):
        if len(clip) < MIN_FRAMES:
            raise DataError(f"{where(keypoints, c)}: {len(clip)} frames; a registration needs at least {MIN_FRAMES}")
        if np.isinf(clip).any():
            raise DataError(f"{where(keypoints, c)}: holds infinite positions; write missing ones as NaN")
        missing = np.isnan(clip).any(-1)
        for k, name in enumerate(keypoints.names):
            for first, last in runs(missing[:, k]):
                gap_ms = (last + 1 - first) / keypoints.rate_hz * 1e3
                if gap_ms > max_gap_ms + 1e-6:
                    raise DataError(
                        f"{where(keypoints, c)}: {name} is missing in frames {first} to {last} (counted from 0), "
                        f"{gap_ms:.0f} ms, and register.max_gap_ms is {max_gap_ms:g}; track it again, raise the limit, "
                        "leave it out (register.leave_out), or cut the clip there (register.split_gaps_ms)"
                    )
                gaps += 1
                positions += last + 1 - first
    return {"gaps": gaps, "positions": positions}


def size_ratio(keypoints: Keypoints, kin: KinematicTree, poses: np.ndarray, length_unit: float = 1.0) -> float:
    """Return a first estimate of the animal's size over the model's.

    Distances between keypoints are compared with the model's over ``poses`` (N, qpos); pairs whose
    distance does not change with the pose count most.

    Raises:
        DataError: the ratio is that of a wrong unit, or the keypoints coincide.
    """
    sites = kin.pose(poses).sites(kin.site_pos)
    ratios = [_ratio(clip, sites) for clip in keypoints.clips()]
    for c, ratio in enumerate(ratios):
        _check_unit(ratio / length_unit, where(keypoints, c))
    return float(np.median(ratios))


def _ratio(tracked: np.ndarray, sites: np.ndarray) -> float:
    """Size of what was tracked (frame, keypoint, 3) over that of the model's sites (pose, keypoint, 3)."""
    over = under = 0.0
    for i in range(sites.shape[1]):
        for j in range(i):
            measured = np.linalg.norm(tracked[:, i] - tracked[:, j], axis=-1)
            measured = measured[np.isfinite(measured)]
            model = np.linalg.norm(sites[:, i] - sites[:, j], axis=-1)
            if not measured.size or model.mean() < 1e-9:
                continue
            weight = 1.0 / (np.var(model) / model.mean() ** 2 + 0.01)
            over += weight * np.median(measured)
            under += weight * model.mean()
    return over / under if under else 0.0


def _check_unit(ratio: float, name: str) -> None:
    if not ratio:
        raise DataError(f"{name}: no two keypoints lie apart in any frame; check what was tracked")
    if 1 / _LARGEST_RATIO <= ratio <= _LARGEST_RATIO:
        return
    times = f"{ratio:.0f} times" if ratio > 1 else f"1/{1 / ratio:.0f} of"
    likely = [(unit, factor * ratio) for unit, factor in METRES_PER.items() if 0.2 < factor * ratio < 5]
    unit, size = min(likely, key=lambda u: abs(np.log(u[1])), default=("", 0.0))
    hint = f"as {unit} the animal would be {size:.1f} times the body; give --unit {unit}" if unit else "convert them"
    raise DataError(f"{name}: distances between keypoints are {times} the body's, taken as metres; {hint}")
