"""What a run found, in plain words and a few numbers."""

from __future__ import annotations

from collections import Counter

import attrs

from mimic_report.finished_run import FinishedRun
from mimic_report.values import dig, duration, show


@attrs.frozen
class Tile:
    """One number for the top of the page.

    Attributes:
        anchor: section that it comes from.
        nulls: (null model, what it gets, whether that is as good) of each.
    """

    label: str
    value: str
    note: str
    anchor: str
    nulls: tuple[tuple[str, str, bool], ...] = ()


def headlines(run: FinishedRun) -> list[Tile]:
    """The headlines of the stages and then of the analyses, in the order of the run.

    One label that several have is told apart by the names of their sections.
    """
    entries = [*(s for s in run.stages if not s.is_analysis), *run.analyses]
    found = [
        (entry, h)
        for entry in entries
        for h in dict.fromkeys((*entry.headlines, *(entry.result.headlines if entry.result else ())))
    ]
    times = Counter(h.label for _, h in found)
    return [
        Tile(
            f"{h.label} ({e.label or e.name})" if times[h.label] > 1 else h.label,
            _with_unit(h.value, h.unit),
            h.note,
            e.anchor,
            tuple((name, _with_unit(v, h.unit), name in h.unbeaten) for name, v in h.nulls.items()),
        )
        for e, h in found
    ]


def _with_unit(value: float | None, unit: str) -> str:
    return show(value) if value is None or unit in ("", "1") else f"{show(value)} {unit}"


def in_words(run: FinishedRun) -> str:
    """One paragraph: what was done and what came out."""
    stages = (_registered(run), _trained(run), _tracked(run))
    found = (entry.result.sentence for entry in run.stages if entry.result)
    return " ".join(filter(None, (*stages, *found)))


def _registered(run: FinishedRun) -> str:
    register = run.summary("register")
    if not register:
        return ""
    free = ", ".join(f"{name} ({show(n)})" for name, n in (register.get("free_parameters") or {}).items())
    fitted, nulls = f"; fitted were {free}" if free else "", _nulls(run, "register", "registration error")
    what = f"{show(register.get('clips'))} clips ({show(register.get('frames'))} frames) of 3D keypoints"
    return (
        f"{what} were registered to the body {register.get('body', 'of this run')}{fitted}. The body's keypoints "
        f"lie at a mean distance of {show(dig(register, 'error_mm', 'mean'))} mm from the tracked ones "
        f"(95th percentile {show(dig(register, 'error_mm', 'p95'))} mm), on the frames that were fitted{nulls}."
    )


def _trained(run: FinishedRun) -> str:
    train = run.summary("train")
    if not train:
        return ""
    steps = dig(train, "training", "control_steps") or train.get("control_steps")
    seconds = dig(train, "training", "seconds") or train.get("seconds")
    clips = f" on {show(train['train_clips'])} clips" if isinstance(train.get("train_clips"), int) else ""
    return (
        f"A controller ({train.get('policy', 'policy')}) was trained to reproduce these movements"
        f"{clips}"
        + (f", for {show(steps)} control steps" if steps else "")
        + (f" ({duration(seconds)} of training)." if seconds else ".")
    )


def _tracked(run: FinishedRun) -> str:
    tracking = dig(run.summary("rollout"), "tracking")
    named = (
        ("held_out", "clips it was not trained on", "held-out clips"),
        ("train", "training clips", "training clips"),
    )
    parts = [
        f"{show(error)} mm on {what}{_nulls(run, 'rollout', f'tracking error, {label}')}"
        for split, what, label in named
        if (error := dig(tracking, "by_split", split, "keypoint_mm", "mean")) is not None
    ]
    degrees = dig(tracking, "joint_deg_mean")
    if not parts:
        return ""
    tail = f"; joint angles differ by {show(degrees)} degrees on average" if degrees is not None else ""
    return (
        "Acting in the simulated physics, it keeps the keypoints at a mean distance of "
        f"{' and '.join(parts)} from the registered movement{tail}."
    )


def _nulls(run: FinishedRun, stage: str, label: str) -> str:
    """What the null models of a stage's headline get, in brackets."""
    entry = run.stage(stage)
    found = [h.nulls for h in (entry.headlines if entry else ()) if h.label == label]
    nulls = [f"{name} {show(v)}" for name, v in (found[0] if found else {}).items() if v is not None]
    return f" ({'; '.join(nulls)})" if nulls else ""
