"""What a run found, in plain words and a few numbers."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from mimic_report.markup import dig, duration, show, slug
from mimic_report.run import Run


@attrs.frozen
class Headline:
    """One number for the top of the page.

    Attributes:
        anchor: section that it comes from.
    """

    label: str
    value: str
    note: str = ""
    anchor: str = ""


def headlines(run: Run) -> list[Headline]:
    """The few numbers that a reader looks for first; those that the run does not have are left out."""
    out = []
    registered = dig(run.summary("register"), "error_mm", "mean")
    if registered is not None:
        out.append(
            Headline("registration error", f"{show(registered)} mm", "mean over keypoints", slug("stage", "register"))
        )
    for split, label in (("held_out", "tracking error, held-out clips"), ("train", "tracking error, training clips")):
        error = dig(run.summary("rollout"), "tracking", "by_split", split, "keypoint_mm", "mean")
        if error is not None:
            out.append(Headline(label, f"{show(error)} mm", "mean over moving keypoints", slug("stage", "rollout")))
    name, rho, control = simplex(run)
    if rho:
        out.append(
            Headline(
                "simplex ρ, joints to muscles",
                show(float(np.mean(rho))),
                f"shuffled control {show(float(np.mean(control)))}" if control else "",
                slug("analysis", name),
            )
        )
    return out


def simplex(run: Run) -> tuple[str, list[float], list[float]]:
    """Name of the first analysis that reports Spearman's rho, its value for every muscle, and its shuffled control."""
    for a in run.analyses:
        rho, control = a.metrics.get("rho"), a.metrics.get("shuffled")
        if isinstance(rho, Mapping) and isinstance(control, Mapping):
            return (
                a.name,
                [v for v in rho.values() if v is not None],
                [v for v in (dig(c, "rho") for c in control.values()) if v is not None],
            )
    return "", [], []


def in_words(run: Run) -> str:
    """One paragraph: what was done and what came out."""
    sentences = []
    register, train, rollout = (run.summary(n) for n in ("register", "train", "rollout"))
    if register:
        what = f"{show(register.get('clips'))} clips ({show(register.get('frames'))} frames) of 3D keypoints"
        sentences.append(
            f"{what} were registered to the body {register.get('body', 'of this run')}: joint angles, one "
            "set of marker offsets and one scale were fitted so that the body's keypoints lie where the "
            f"tracked ones are, with a mean distance of {show(dig(register, 'error_mm', 'mean'))} mm "
            f"(95th percentile {show(dig(register, 'error_mm', 'p95'))} mm)."
        )
    if train:
        steps = dig(train, "training", "control_steps") or train.get("control_steps")
        seconds = dig(train, "training", "seconds") or train.get("seconds")
        clips = f" on {show(train['train_clips'])} clips" if isinstance(train.get("train_clips"), int) else ""
        sentences.append(
            f"A controller ({train.get('policy', 'policy')}) was trained to reproduce these movements"
            f"{clips}"
            + (f", for {show(steps)} control steps" if steps else "")
            + (f" ({duration(seconds)} of training)." if seconds else ".")
        )
    if rollout:
        named = (("held_out", "clips it was not trained on"), ("train", "training clips"))
        errors = [(dig(rollout, "tracking", "by_split", s, "keypoint_mm", "mean"), what) for s, what in named]
        parts = [f"{show(e)} mm on {what}" for e, what in errors if e is not None]
        degrees = dig(rollout, "tracking", "joint_deg_mean")
        if parts:
            tail = f"; joint angles differ by {show(degrees)} degrees on average" if degrees is not None else ""
            sentences.append(
                "Acting in the simulated physics, it keeps the keypoints at a mean distance of "
                f"{' and '.join(parts)} from the registered movement{tail}."
            )
    _, rho, control = simplex(run)
    if rho:
        against = f", against {show(float(np.mean(control)))} for a shuffled control" if control else ""
        sentences.append(
            "Simplex projection forecasts muscle activity in unseen clips from joint angles with a "
            f"Spearman's ρ of {show(min(rho))} to {show(max(rho))} over {len(rho)} muscles (mean "
            f"{show(float(np.mean(rho)))}{against})."
        )
    return " ".join(sentences)
