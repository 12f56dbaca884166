"""Recordings of several animals: whose clips they are, and how their movements come onto one body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import attrs
import numpy as np

from mimic_core import BodyModel, ConfigError, DataError, Keypoints, ReferenceClips


def animals_of(keypoints: Keypoints, animals: Mapping[str, str]) -> tuple[str, ...]:
    """Name the animal of each clip; empty names without ``animals``.

    Args:
        animals: pattern of clip or file names → animal; the first that fits a clip counts.

    Raises:
        ConfigError: a clip fits no pattern.
    """
    names = keypoints.clip_names
    if not animals:
        return ("",) * len(names)
    files = keypoints.files if len(keypoints.files) == len(names) else names
    out = []
    for name, file in zip(names, files, strict=True):
        found = [a for p, a in animals.items() if fnmatchcase(name, p) or fnmatchcase(Path(file).name, p)]
        if not found:
            raise ConfigError(f"register.animals: clip {name!r} fits none of {', '.join(animals)}; add its animal")
        out.append(found[0])
    return tuple(out)


def by_animal(parts: Sequence[Keypoints], animals: Mapping[str, str]) -> dict[str, list[Keypoints]]:
    """Sort files by animal, in the order in which ``animals`` names them; each file is of one animal.

    Raises:
        ConfigError: a clip fits no pattern, or an animal has no file.
        DataError: a file holds clips of two animals.
    """
    found: dict[str, list[Keypoints]] = {a: [] for a in animals.values()}
    for part in parts:
        whose = set(animals_of(part, animals))
        if len(whose) > 1:
            where = part.files[0] if part.files else part.clip_names[0]
            raise DataError(f"{where}: holds clips of {' and '.join(sorted(whose))}; give each animal files of its own")
        found[whose.pop()].append(part)
    for animal, of_animal in found.items():
        if not of_animal:
            patterns = ", ".join(p for p, a in animals.items() if a == animal)
            raise ConfigError(f"register.animals: no file is of {animal!r} ({patterns}); correct the pattern")
    return found


def common_keypoints(parts: Sequence[Keypoints]) -> list[Keypoints]:
    """Reduce keypoint sets to the names that all of them have, regardless of case."""
    lower = [[n.lower() for n in p.names] for p in parts]
    shared = [n for n in lower[0] if all(n in other for other in lower)]
    out = []
    for part, names in zip(parts, lower, strict=True):
        pick = [names.index(n) for n in shared]
        confidence = None if part.confidence is None else part.confidence[:, :, pick]
        named = tuple(part.names[i] for i in pick)
        out.append(attrs.evolve(part, names=named, positions=part.positions[:, :, pick], confidence=confidence))
    return out


def on_one_body(registered: Mapping[str, ReferenceClips]) -> ReferenceClips:
    """Carry the movements of several animals, each registered by itself, onto the body of the first.

    Joint angles stay what they are, and recorded positions keep their place in their own animal's model. Keypoints of
    the body, and with them the errors, are the first body's; other rates are brought to the first one's.

    Args:
        registered: animal → its clips, all of one kind of body.

    Raises:
        DataError: two clips have one name.
    """
    from mimic_core.body import positions

    first = next(iter(registered.values()))
    model, names = BodyModel.compile(first.body), [n for c in registered.values() for n in c.clip_names]
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"clips: two are called {name!r}; rename the file of one of them")
    parts = [_at_rate(clips, model, first.rate_hz) for clips in registered.values()]
    n_frames = np.concatenate([p.n_frames for p in parts])
    longest = int(n_frames.max())

    def joined(field: str) -> np.ndarray:
        return np.concatenate([_padded(getattr(p, field), longest) for p in parts])

    qpos, tracked = joined("qpos"), joined("tracked_pos")
    inside = np.arange(longest) < n_frames[:, None]
    site_pos = np.full(tracked.shape, np.nan)
    site_pos[inside], _ = positions(model, qpos[inside])
    error = 1e3 * first.body.scale * np.linalg.norm(tracked - site_pos, axis=-1)
    return attrs.evolve(
        first,
        clip_names=names,
        animals=[a for a, c in registered.items() for _ in c.clip_names],
        n_frames=n_frames,
        qpos=qpos,
        qvel=joined("qvel"),
        site_pos=site_pos,
        tracked_pos=tracked,
        error_mm=error,
        alignment=np.concatenate([p.alignment for p in parts]),
        trust=joined("trust") if all(p.trust is not None for p in parts) else None,
        remarks=_remarks(registered, error),
        provenance=_provenance(registered),
    )


def _at_rate(clips: ReferenceClips, model: BodyModel, rate_hz: float) -> ReferenceClips:
    """The same movements at another rate; trust is that of the nearest frame."""
    from mimic_core.task import resample, resample_positions

    if np.isclose(clips.rate_hz, rate_hz):
        return clips
    now = resample(clips, model, rate_hz)
    n = now.n_steps
    inside = np.arange(now.qpos.shape[1]) < n[:, None]
    near = np.minimum(np.round(np.arange(now.qpos.shape[1]) / rate_hz * clips.rate_hz), clips.qpos.shape[1] - 1)
    return attrs.evolve(
        clips,
        rate_hz=rate_hz,
        n_frames=n,
        qpos=np.where(inside[..., None], now.qpos, np.nan),
        qvel=np.where(inside[..., None], now.qvel, np.nan),
        site_pos=resample_positions(clips.site_pos, clips.n_frames, n, clips.rate_hz, rate_hz),
        tracked_pos=resample_positions(clips.tracked_pos, clips.n_frames, n, clips.rate_hz, rate_hz),
        error_mm=np.full((*inside.shape, len(clips.keypoint_names)), np.nan),  # told anew on the common body
        trust=None if clips.trust is None else clips.trust[:, near.astype(int)],
    )


def _padded(values: np.ndarray, frames: int) -> np.ndarray:
    pad = np.full((len(values), frames - values.shape[1], *values.shape[2:]), np.nan)
    return np.concatenate([values, pad], axis=1)


def _remarks(registered: Mapping[str, ReferenceClips], error: np.ndarray) -> list[str]:
    first, out, at = next(iter(registered)), [], 0
    for animal, clips in registered.items():
        on_first = float(np.nanmean(error[at : (at := at + len(clips.clip_names))]))
        own = f"{clips.error_summary()['mean']:.3f} mm on a body of its own, {clips.body.size:.3f} times the model"
        there = "" if animal == first else f"; {on_first:.3f} mm on the body of {first}, which all clips are given on"
        out += [f"{animal}: {len(clips.clip_names)} clips, {own}{there}"]
        out += [f"{animal}: {remark}" for remark in clips.remarks]
    return out


def _provenance(registered: Mapping[str, ReferenceClips]) -> dict:
    free: dict[str, int] = {}
    for clips in registered.values():
        for what, n in clips.provenance.get("free_parameters", {}).items():
            free[what] = free.get(what, 0) + n
    of_each = {
        a: {
            "error_mm": c.error_summary(),
            "scale": c.body.size,
            "segment_scale": dict(c.body.segment_scale),
            "rate_hz": c.rate_hz,
            "orientation": c.provenance.get("orientation"),
        }
        for a, c in registered.items()
    }
    return {"free_parameters": free, "animals": of_each}
