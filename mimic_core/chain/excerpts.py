"""Long recordings: a part of their time that is held out, and excerpts that rollouts begin anew in."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import attrs
import numpy as np

from mimic_core.chain.assembly import build_model, goal_of, split_clips
from mimic_core.errors import ConfigError
from mimic_core.plugins.manager import Plugins
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.training import TrainPlan

_SHORTEST = 4
"""frames that a part needs, see `mimic_core.task.resample`"""
_AT = " @ "
_LAST = re.compile(r"last:(\d+(?:\.\d+)?)(s?)")


class Piece(NamedTuple):
    """A stretch of a clip."""

    clip: int
    first: int
    """frame"""
    frames: int
    after: int
    """frames behind its end that are seen coming, but not followed"""
    name: str


def cut(clips: ReferenceClips, pieces: Sequence[Piece]) -> ReferenceClips:
    """Return the pieces as clips of their own; none shares a frame with the next one beyond those seen coming."""
    of = [p.clip for p in pieces]
    n_frames = np.array([p.frames + p.after for p in pieces])

    def part(values: np.ndarray) -> np.ndarray:
        out = np.full((len(pieces), int(n_frames.max()), *values.shape[2:]), np.nan, values.dtype)
        for row, p, n in zip(out, pieces, n_frames, strict=True):
            row[:n] = values[p.clip, p.first : p.first + n]
        return out

    by_frame = ("qpos", "qvel", "site_pos", "tracked_pos", "error_mm", "trust")
    parts: dict[str, Any] = {f: part(values) for f in by_frame if (values := getattr(clips, f)) is not None}
    return attrs.evolve(
        clips,
        clip_names=tuple(p.name for p in pieces),
        animals=tuple(clips.animals[c] for c in of),
        n_frames=n_frames,
        n_after=np.array([p.after for p in pieces]),
        alignment=clips.alignment[of],
        **parts,
    )


def parted(clips: ReferenceClips, plan: TrainPlan, plugins: Plugins) -> tuple[ReferenceClips, np.ndarray]:
    """Return the clips of a training, and (clip,) True where one is held out.

    A holdout ``last:…`` cuts every clip in two: what comes first is trained on, what comes last is held out. Where the
    plan's task commands other movements than were recorded, they are these, made of the clips.

    Raises:
        ConfigError: a clip is too short to be cut so, or see `mimic_core.chain.split_clips`.
    """
    clips, held = _split(clips, plan)
    episodes = goal_of(plan, plugins, build_model(clips.body, plan, plugins))[1].episodes
    if episodes is None:
        return clips, held
    commanded, of = episodes(clips)
    return commanded, held[of]


def _split(clips: ReferenceClips, plan: TrainPlan) -> tuple[ReferenceClips, np.ndarray]:
    """Return the recorded movements, cut in two where the plan says so, and which are held out."""
    holdout = plan.holdout
    if not isinstance(holdout, str) or not holdout.startswith("last:"):
        return clips, split_clips(clips, holdout, plan.seed)
    pieces = []
    for c, (name, n) in enumerate(zip(clips.clip_names, clips.n_frames.tolist(), strict=True)):
        held = _frames_held(holdout, n, clips.rate_hz)
        if min(held, n - held) < _SHORTEST:
            raise ConfigError(
                f"train.holdout: {holdout} of clip {name} leaves {n - held} frames to train on and {held} to hold out; "
                f"each part needs {_SHORTEST}"
            )
        pieces += [Piece(c, a, b - a, 0, f"{name}[{a}:{b}]") for a, b in ((0, n - held), (n - held, n))]
    return cut(clips, pieces), np.arange(len(pieces)) % 2 == 1


def _frames_held(holdout: str, n_frames: int, rate_hz: float) -> int:
    found = _LAST.fullmatch(holdout)
    if found is None:
        raise ConfigError(
            f"train.holdout: {holdout!r} is no length; give frames (last:200), seconds (last:4s) or a share (last:0.2)"
        )
    length = float(found[1])
    if found[2]:
        return round(length * rate_hz)
    return round(length * n_frames) if length < 1 else round(length)


def excerpts(clips: ReferenceClips, plan: TrainPlan, seconds: float | None = None) -> tuple[ReferenceClips, np.ndarray]:
    """Return what is rolled out, and (excerpt,) the clip that each is of.

    Every clip is divided evenly into excerpts of about ``seconds`` (None: ``task.excerpt_s``), each of which begins in
    the reference's state where the one before ends. The policy sees what comes behind an excerpt's end, within its
    clip. With 0, where excerpts were made before, or where episodes do not begin on their clips, these are the clips.
    """
    task = plan.settings["task"]
    seconds = task.get("excerpt_s", 0.0) if seconds is None else seconds
    if not seconds or clips.start is not None or (clips.n_after is not None and clips.n_after.any()):
        return clips, np.arange(len(clips.clip_names))
    coming = math.ceil(task["window"] * task["window_step_ms"] * 1e-3 * clips.rate_hz - 1e-9)
    pieces = []
    for c, (name, n) in enumerate(zip(clips.clip_names, clips.n_frames.tolist(), strict=True)):
        count = max(1, round((n - 1) / clips.rate_hz / seconds))
        count = max(1, min(count, (n - 1) // (_SHORTEST - 1)))
        ends = np.linspace(0, n - 1, count + 1).round().astype(int).tolist()
        for a, b in itertools.pairwise(ends):
            after = min(coming, n - 1 - b)
            pieces.append(Piece(c, a, b - a + 1, after, f"{name}{_AT}{a / clips.rate_hz:.2f} s"))
    return cut(clips, pieces), np.array([p.clip for p in pieces])


def clip_of(name: str) -> str:
    """Return the name of the clip that an excerpt is of."""
    return name.rpartition(_AT)[0] or name
