"""How closely rollouts follow, by split and window, each number beside what null models get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from mimic_core import Headline, Rollouts
from mimic_core.records import error_summary
from mimic_tracking.bootstrap import bootstrap_interval
from mimic_tracking.nulls import CONTROLLER, errors_mm
from mimic_tracking.windows import Windows

SPLITS = {"held_out": "held-out clips", "train": "training clips"}


@attrs.frozen
class Entry:
    """Mean error over clips, steps and keypoints that move, mm of the animal.

    Attributes:
        mean: None where nothing is known.
        low, high: ends of its 95 % confidence interval over clips (see `over_what`); None of fewer than two clips.
        nulls: null model → its mean by the same measure.
    """

    mean: float | None
    low: float | None
    high: float | None
    nulls: Mapping[str, float | None]

    @property
    def interval(self) -> str:
        """In words, without what it spans."""
        return "" if self.low is None or self.high is None else f"95 % interval {self.low:.3g} to {self.high:.3g} mm"


def entries(rollouts: Rollouts, windows: Windows) -> dict[str, dict[str, dict[str, Entry]]]:
    """Against what (``reference``, ``tracked``) → split → window → entry."""
    moving = [rollouts.keypoint_names.index(n) for n in rollouts.moving_keypoints]
    splits = {s: np.array(rollouts.split) == s for s in SPLITS if s in rollouts.split}
    out: dict[str, dict[str, dict[str, Entry]]] = {}
    for against, errors in errors_mm(rollouts).items():
        of_moving = {name: e[..., moving] for name, e in errors.items()}
        out[against] = {
            split: {
                window: _entry(rollouts, of_moving, steps, clips)
                for window, steps in windows.steps.items()
                if steps[clips].any()
            }
            for split, clips in splits.items()
        }
    return out


def _entry(rollouts: Rollouts, errors: Mapping[str, np.ndarray], steps: np.ndarray, clips: np.ndarray) -> Entry:
    means: dict[str, float | None] = {}
    for name, e in errors.items():
        known = np.isfinite(e) & (steps & clips[:, None])[..., None]
        means[name] = float(e[known].mean()) if known.any() else None
        if name == CONTROLLER:
            n, total = known.sum((1, 2)), np.where(known, e, 0.0).sum((1, 2))
    seen = n > 0
    animals = [a for a, s in zip(rollouts.animals, seen, strict=True) if s]
    low, high = bootstrap_interval(total[seen] / n[seen], animals, n[seen])
    ends = (low, high) if np.isfinite(low) else (None, None)
    return Entry(means.pop(CONTROLLER), *ends, means)


def held_out_words(rollouts: Rollouts) -> str:
    """What the clips held out are to those trained on: of the same recording, or of another animal."""
    training, owners = rollouts.training, list(zip(rollouts.animals, rollouts.split, strict=True))
    held = [a for a, s in owners if s != "train"]
    if not held:
        return "no clip was held out"
    trained = set(training.train_animals) if training else set()
    trained |= {a for a, s in owners if s == "train"}
    animals = tuple(dict.fromkeys(held))
    if trained and all(trained) and all(animals) and not trained & set(animals):
        what = "another animal" if len(animals) == 1 else "other animals"
        return f"held out: {what} ({', '.join(animals)})"
    if training is not None and rollouts.clips and rollouts.clips != training.clips:
        return "held out: another recording"
    return "held out within the recording trained on"


def over_what(rollouts: Rollouts, split: str) -> str:
    """What the interval of a split spans."""
    clips = [a for a, s in zip(rollouts.animals, rollouts.split, strict=True) if s == split]
    animals = len(set(clips))
    of = "of one animal" if animals == 1 else f"and the {animals} animals that they are of"
    return f"over {len(clips)} clips {of}, one controller"


def summary(rollouts: Rollouts, windows: Windows) -> dict[str, Any]:
    """Summarise the tracking error over the keypoints that the body can move.

    Returns:
        ``joint_deg_mean``, ``keypoint_mm`` against the registered reference and ``tracked_keypoint_mm`` against what
        was tracked, for all clips and ``by_split``; ``by_window``: see `entries`; ``held_out`` in words;
        ``interval_over``: split → what its intervals span; ``reach_ms``: the median end of the reach.
    """
    return {
        **_of(rollouts, np.ones(len(rollouts.clip_names), bool)),
        "fixed_keypoints": list(rollouts.fixed_keypoints),
        "by_split": {s: _of(rollouts, np.array(rollouts.split) == s) for s in sorted(set(rollouts.split))},
        "by_window": {
            against: {s: {w: attrs.asdict(e) for w, e in by.items()} for s, by in of.items()}
            for against, of in entries(rollouts, windows).items()
        },
        "held_out": held_out_words(rollouts),
        "interval_over": {s: over_what(rollouts, s) for s in SPLITS if s in rollouts.split},
        "reach_ms": 1e3 * float(np.median(windows.reach_end)),
    }


def _of(rollouts: Rollouts, clips: np.ndarray) -> dict[str, Any]:
    names = rollouts.moving_keypoints
    moving = [rollouts.keypoint_names.index(n) for n in names]
    degrees = np.rad2deg(np.abs(rollouts.joint_pos[clips] - rollouts.ref_joint_pos[clips]))
    return {
        "joint_deg_mean": float(np.nanmean(degrees)),
        "keypoint_mm": error_summary(rollouts.error_mm[clips][..., moving], names),
        "tracked_keypoint_mm": error_summary(rollouts.tracked_error_mm[clips][..., moving], names),
        "clips": int(clips.sum()),
    }


def headline(what: str, split: str, window: str, entry: Entry, rollouts: Rollouts) -> Headline:
    """One entry for the top of a report."""
    where = "" if window == "whole" else f", {window}"
    said = [held_out_words(rollouts)] if split == "held_out" else []
    said += ["mean over moving keypoints"]
    said += [f"{entry.interval} {over_what(rollouts, split)}"] if entry.interval else []
    label = f"{what}, {SPLITS[split]}{where}"
    return Headline(label, entry.mean, "mm", "; ".join(said), nulls=entry.nulls, better="lower")
