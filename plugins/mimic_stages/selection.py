"""What of a recording is used: keypoints renamed or left out, a range of frames, pieces between long gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import attrs
import numpy as np

from mimic_core import Body, ConfigError, DataError, Keypoints, did_you_mean

_SHORTEST = 4
"""Frames of a piece that is kept."""


def renamed(keypoints: Keypoints, names: Mapping[str, str]) -> Keypoints:
    """Return keypoints under other names: the file's → the body's, regardless of case.

    Raises:
        DataError: two would have one name.
    """
    new = {old.lower(): name for old, name in names.items()}
    found = tuple(new.get(n.lower(), n) for n in keypoints.names)
    lower = [n.lower() for n in found]
    for n in lower:
        if lower.count(n) > 1:
            raise DataError(f"{where(keypoints)}: with register.rename two keypoints are called {n}; leave one out")
    return attrs.evolve(keypoints, names=found)


def without(keypoints: Keypoints, patterns: Sequence[str]) -> Keypoints:
    """Leave out keypoints whose names fit a pattern, regardless of case.

    Raises:
        DataError: none is left.
    """
    keep = [i for i, n in enumerate(keypoints.names) if not any(fnmatchcase(n.lower(), p.lower()) for p in patterns)]
    if not keep:
        raise DataError(f"{where(keypoints)}: register.leave_out leaves none of {', '.join(keypoints.names)}")
    return attrs.evolve(
        keypoints,
        names=tuple(keypoints.names[i] for i in keep),
        positions=keypoints.positions[:, :, keep],
        confidence=None if keypoints.confidence is None else keypoints.confidence[:, :, keep],
    )


def check_named(parts: Sequence[Keypoints], rename: Mapping[str, str], leave_out: Sequence[str]) -> None:
    """Refuse settings that are about keypoints of no file.

    Raises:
        ConfigError: one names nothing.
    """
    known = list(dict.fromkeys(n for p in parts for n in p.names))
    lower = [n.lower() for n in known]
    for old in rename:
        if old.lower() not in lower:
            raise ConfigError(f"register.rename: no file has a keypoint {old!r}{did_you_mean(old, known)}")
    for pattern in leave_out:
        if not any(fnmatchcase(n, pattern.lower()) for n in lower):
            raise ConfigError(f"register.leave_out: no file has a keypoint {pattern!r}{did_you_mean(pattern, known)}")


def frame_range(keypoints: Keypoints, frames: Sequence[int]) -> Keypoints:
    """Return the frames from the first to before the second number, counted from 0; the second may be left out.

    Raises:
        DataError: a clip has no frame there.
    """
    first, *rest = frames
    return pieces(keypoints, [[(first, min(int(n), *rest) if rest else int(n))] for n in keypoints.n_frames])


def split(keypoints: Keypoints, names: Sequence[str], longest_ms: float) -> tuple[Keypoints, list[str]]:
    """Cut clips where one of ``names`` is missing for longer than ``longest_ms``; remarks tell what is left of which.

    Raises:
        DataError: nothing is left of any clip.
    """
    lower = [n.lower() for n in names]
    needed = [i for i, n in enumerate(keypoints.names) if n.lower() in lower]
    longest = longest_ms / 1e3 * keypoints.rate_hz
    spans, said = [], []
    for name, clip in zip(keypoints.clip_names, keypoints.clips(), strict=True):
        out = np.zeros(len(clip), bool)
        for k in needed:
            for first, end in _runs(np.isnan(clip[:, k]).any(-1)):
                out[first:end] |= end - first > longest + 1e-6
        spans.append([(a, b) for a, b in _runs(~out) if b - a >= _SHORTEST])
        kept = sum(b - a for a, b in spans[-1])
        if kept < len(clip):
            said.append(f"{name}: {kept} of {len(clip)} frames kept, in {len(spans[-1])} pieces")
    if not any(spans):
        never = [
            n for i, n in enumerate(keypoints.names) if i in needed and np.isnan(keypoints.positions[:, :, i]).all()
        ]
        why = f"{', '.join(never)} is never seen; leave it out with register.leave_out" if never else "raise the limit"
        raise DataError(f"{where(keypoints)}: nothing is left between gaps of {longest_ms:g} ms; {why}")
    return pieces(keypoints, spans), said


def pieces(keypoints: Keypoints, spans: Sequence[Sequence[tuple[int, int]]]) -> Keypoints:
    """Return spans (first, end) of each clip as clips of their own; several of one clip are numbered.

    Raises:
        DataError: a span is empty.
    """
    clips, confidence, names, files = [], [], [], []
    sourced = len(keypoints.files) == len(keypoints.clip_names)
    for c, (name, of_clip) in enumerate(zip(keypoints.clip_names, spans, strict=True)):
        for i, (first, end) in enumerate(of_clip, 1):
            if not 0 <= first < end:
                raise DataError(f"clip {name}: has {keypoints.n_frames[c]} frames, none from {first} to before {end}")
            clips.append(keypoints.positions[c, first:end])
            confidence.append(None if keypoints.confidence is None else keypoints.confidence[c, first:end])
            names.append(name if len(of_clip) == 1 else f"{name}_{i}")
            files += [keypoints.files[c]] if sourced else []
    return Keypoints.from_clips(
        clips,
        names=keypoints.names,
        rate_hz=keypoints.rate_hz,
        clip_names=names,
        files=files if sourced else keypoints.files,
        origin=keypoints.origin,
        confidence=None if keypoints.confidence is None else confidence,
        unit=keypoints.unit,
    )


def by_folder(parts: Sequence[Keypoints]) -> tuple[list[Keypoints], list[str]]:
    """Put the names of folders before clip names that several files share, as many as tell them apart; and say so.

    ``day1/reach.csv`` and ``day2/reach.csv`` become ``day1_reach`` and ``day2_reach``.
    """
    of_name: dict[str, list[int]] = {}
    for i, part in enumerate(parts):
        for name in dict.fromkeys(part.clip_names):
            of_name.setdefault(name, []).append(i)
    shared = {name for name, of in of_name.items() if len(of) > 1}
    if not shared:
        return list(parts), []
    affected = [i for i, p in enumerate(parts) if shared & set(p.clip_names) and p.files]
    files = {i: Path(parts[i].files[0]).absolute() for i in affected}
    deepest = max((len(f.parts) - 2 for f in files.values()), default=0)
    for depth in range(1, deepest + 1):
        before = {i: "_".join(f.parts[1:-1][-depth:]) for i, f in files.items()}
        if len(set(before.values())) == len(before):
            break
    out, said = list(parts), []
    for i in affected:
        alone = sum(b == before[i] for b in before.values()) == 1
        new = {n: f"{before[i]}_{n}" if alone else f"{n}{files[i].suffix}" for n in shared}
        said += [new[n] for n in parts[i].clip_names if n in new]
        out[i] = attrs.evolve(parts[i], clip_names=[new.get(n, n) for n in parts[i].clip_names])
    return out, [f"names that clips of several files share bear their folder's name: {', '.join(said)}"]


def files_of(parts: Sequence[Keypoints]) -> dict[str, str]:
    """Return clip name → the file it is from, of all clips that are from one."""
    out = {}
    for part in parts:
        each = len(part.files) == len(part.clip_names)
        for i, name in enumerate(part.clip_names):
            if part.files:
                out[name] = part.files[i if each else 0]
    return out


def lost_names(parts: Sequence[Keypoints], shared: Sequence[str]) -> list[str]:
    """Say which keypoints only some of the files have, and which of them lacks one."""
    kept = {n.lower() for n in shared}
    lost = dict.fromkeys(n for p in parts for n in p.names if n.lower() not in kept)
    out = []
    for name in lost:
        lacking = [where(p) for p in parts if name.lower() not in {n.lower() for n in p.names}]
        more = f" and {len(lacking) - 1} others" if len(lacking) > 1 else ""
        out.append(f"{name} is left out of all: {lacking[0]}{more} does not have it")
    return out


def told(parts: Sequence[Keypoints], body: Body, used: Sequence[str]) -> list[str]:
    """Say which keypoints of the files are not used, and which of the body's have no data."""
    lower = {n.lower() for n in used}
    spare = list(dict.fromkeys(n for p in parts for n in p.names if n.lower() not in lower))
    empty = [n for n in body.keypoints if n.lower() not in lower]
    out = [f"keypoints of the files that are not used: {', '.join(spare)}"] if spare else []
    if empty:
        rename = " (rename with --set register.rename.FILE_NAME=BODY_NAME)" if spare else ""
        out.append(f"keypoints of the body without data: {', '.join(empty)}{rename}")
    return out


def where(keypoints: Keypoints) -> str:
    """How messages call a recording."""
    return keypoints.files[0] if keypoints.files else keypoints.clip_names[0]


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """(first, end) of the runs of True."""
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(int), 0]))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
