"""What every keypoint file goes through, whichever reader read it: names, rate, zeros, confidence, absurd positions;
and joining several into one set of clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np

from mimic_core import DataError, Keypoints
from mimic_core.records import METRES_PER

RATES_HZ = (1.0, 1e5)
"""Slowest and fastest camera."""
MOST_KEYPOINTS = 1000
FURTHEST_M = 1e3
"""No animal was tracked further than this from the recording's origin."""


def checked(keypoints: Keypoints, path: Path) -> tuple[Keypoints, list[str]]:
    """Return what a reader handed over with missing positions marked as such, and remarks on what was found.

    A position of exactly 0 0 0 is missing, as several programs write it, unless one keypoint is there throughout,
    which then is the origin. A confidence that is missing or 0 wherever a keypoint is tracked tells nothing: such a
    keypoint counts in full, and so do single positions without a confidence.

    Raises:
        DataError: names are empty or there twice, the rate is none of a camera, lengths do not fit, or a position is
            infinite or beyond anything that is filmed.
    """
    _check_names(keypoints, path)
    if not RATES_HZ[0] <= keypoints.rate_hz <= RATES_HZ[1]:
        slow, fast = RATES_HZ
        raise DataError(f"{path}: a rate of {keypoints.rate_hz:g} Hz; a camera has {slow:g} to {fast:g} Hz; correct it")
    n, (clips, frames) = keypoints.n_frames, keypoints.positions.shape[:2]
    if len(keypoints.clip_names) != clips or n.dtype.kind not in "iu" or (n < 0).any() or (n > frames).any():
        raise DataError(f"{path}: {clips} clips of up to {frames} frames have the lengths {n}; make the file again")
    _check_places(keypoints, path)
    positions, said = _without_zeros(keypoints)
    keypoints = attrs.evolve(keypoints, positions=positions)
    confidence, more = _confidence(keypoints)
    return attrs.evolve(keypoints, confidence=confidence), [
        f"{path.name}: {text}" for text in (*keypoints.remarks, *said, *more)
    ]


def gathered(said: Sequence[Sequence[str]]) -> list[str]:
    """Return the remarks on several files, each file's a list of ``file: text``; what is said of many stands once."""
    of: dict[str, list[str]] = {}
    for name, _, text in (line.partition(": ") for lines in said for line in lines):
        of.setdefault(text, []).append(name)
    every = len(said)
    return [
        f"{f'all {every} files' if len(names) == every > 1 else ', '.join(names)}: {text}" for text, names in of.items()
    ]


def _check_names(keypoints: Keypoints, path: Path) -> None:
    lower = [n.strip().lower() for n in keypoints.names]
    if not lower or not all(lower):
        raise DataError(f"{path}: a keypoint has no name; name each one")
    if len(lower) > MOST_KEYPOINTS:
        raise DataError(f"{path}: {len(lower):,} keypoints; no recording has more than {MOST_KEYPOINTS:,}; correct it")
    for i, name in enumerate(lower):
        if name in lower[:i]:
            both = {keypoints.names[lower.index(name)], keypoints.names[i]}
            raise DataError(f"{path}: two keypoints are called {' and '.join(sorted(both))}; give each its own name")


def _check_places(keypoints: Keypoints, path: Path) -> None:
    furthest = FURTHEST_M / METRES_PER[keypoints.unit or "um"]
    bad = np.isinf(keypoints.positions) | (np.abs(np.nan_to_num(keypoints.positions)) > furthest)
    for clip, frame, keypoint, axis in np.argwhere(bad)[:1]:
        value = keypoints.positions[clip, frame, keypoint, axis]
        what = f"{keypoints.names[keypoint]} is at {value:.3g} {keypoints.unit} in frame {frame}"
        raise DataError(f"{path}: {what} (and {bad.sum() - 1} more such numbers); leave what was not tracked empty")


def _without_zeros(keypoints: Keypoints) -> tuple[np.ndarray, list[str]]:
    zero = (keypoints.positions == 0).all(-1)
    seen = np.isfinite(keypoints.positions).all(-1)
    always = (zero | ~seen).all((0, 1)) & zero.any((0, 1))
    if always.sum() == 1:
        zero[..., always] = False
    if not zero.any():
        return keypoints.positions, []
    count = zero.sum((0, 1))
    each = ", ".join(f"{name} in {n} frames" for name, n in zip(keypoints.names, count, strict=True) if n)
    return np.where(zero[..., None], np.nan, keypoints.positions), [f"0 0 0 taken as missing: {each}"]


def _confidence(keypoints: Keypoints) -> tuple[np.ndarray | None, list[str]]:
    given = keypoints.confidence
    if given is None:
        return None, []
    seen = np.isfinite(keypoints.positions).all(-1)
    nothing = seen.any((0, 1)) & ~((np.nan_to_num(given) > 0) & seen).any((0, 1))
    if nothing.all():
        return None, ["its confidence is missing or 0 throughout, and is not used"]
    unsaid = np.isnan(given) & seen
    out = np.where(unsaid | nothing, 1.0, np.nan_to_num(given))
    names = ", ".join(name for name, none in zip(keypoints.names, nothing, strict=True) if none)
    said = [f"the confidence of {names} is missing or 0 throughout, and is not used"] if names else []
    if count := int((unsaid & ~nothing).sum()):
        said.append(f"{count} positions have no confidence, and count in full")
    return out, said


def join(parts: Sequence[Keypoints]) -> Keypoints:
    """Join keypoint sets with the same rate; keypoints are matched by name regardless of case.

    Parts in different units become metres; where only some parts have a confidence, the others count as 1.

    Raises:
        DataError: rates differ, a file lacks a keypoint that the first one has, a file is there twice, or the unit
            of only some files is known.
    """
    first = parts[0]
    order = [n.lower() for n in first.names]
    unit = _common_unit(parts)
    rated = any(p.confidence is not None for p in parts)
    clips, confidence, names, files = [], [], list[str](), list[str]()
    for part in parts:
        where = _where(part)
        if not np.isclose(part.rate_hz, first.rate_hz, rtol=1e-3):
            raise DataError(
                f"{where}: {part.rate_hz:g} Hz, but {first.clip_names[0]} has {first.rate_hz:g} Hz; "
                "register recordings of different rates apart"
            )
        lower = [n.lower() for n in part.names]
        missing = [n for n in order if n not in lower]
        if missing:
            raise DataError(
                f"{where}: has no keypoint {missing[0]!r}, which {first.clip_names[0]} has; "
                "give files with the same keypoints"
            )
        if twice := set(part.files) & set(files):
            raise DataError(f"{min(twice)}: belongs to a recording that is already there; name each recording once")
        pick = [lower.index(n) for n in order]
        factor = METRES_PER[part.unit] / METRES_PER[unit] if part.unit != unit else 1.0
        clips += [factor * c[:, pick] for c in part.clips()]
        confidence += [c[:, pick] for c in _each_confidence(part)]
        names += part.clip_names
        files += part.files
    return Keypoints.from_clips(
        clips,
        names=first.names,
        rate_hz=first.rate_hz,
        clip_names=names,
        files=files,
        origin=first.origin,
        confidence=confidence if rated else None,
        unit=unit,
    )


def _where(part: Keypoints) -> str:
    return part.files[0] if part.files else part.clip_names[0]


def _common_unit(parts: Sequence[Keypoints]) -> str:
    units = {p.unit: _where(p) for p in parts}
    if len(units) == 1:
        return parts[0].unit
    if "" in units:
        known = next(u for u in units if u)
        raise DataError(
            f"{units['']}: does not tell its unit, but {units[known]} is in {known}; register files of the two formats "
            "apart, each with --unit"
        )
    return "m"


def _each_confidence(part: Keypoints) -> list[np.ndarray]:
    given = np.ones(part.positions.shape[:3]) if part.confidence is None else part.confidence
    return [c[:n] for c, n in zip(given, part.n_frames, strict=True)]
