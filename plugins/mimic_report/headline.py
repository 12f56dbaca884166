"""What a run found, in plain words and a few numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    name, muscles = emg(run)
    for muscle, found in muscles.items():
        note = f"mean absolute error of activation; r {show(found.get('r'))}"
        what = f"{muscle}, from {'made-up ' if made_up_emg(run) else ''}EMG"
        out.append(Headline(what, show(found["mae"]), note, slug("analysis", name)))
    forecasts = simplex(run)
    if forecasts:
        mean, anchor = show(float(np.mean(forecasts.rho))), slug("analysis", forecasts.name)
        out.append(Headline(f"simplex ρ, {forecasts.between}", mean, forecasts.controls(), anchor))
    return out


@attrs.frozen
class Forecasts:
    """What a simplex analysis reports: Spearman's ρ of every muscle, and of its two controls.

    Attributes:
        name: of the analysis.
        between: what is forecast from what.
        unseen: in clips that are not in the library.
        surrogate: with the joint angles of another trial at the same time.
    """

    name: str
    between: str
    unseen: bool
    rho: list[float]
    shuffled: list[float]
    surrogate: list[float]

    def controls(self) -> str:
        """The controls in words; empty without any."""
        named = ((self.surrogate, "with another trial's joints"), (self.shuffled, "shuffled"))
        return ", ".join(f"{show(float(np.mean(rho)))} {what}" for rho, what in named if rho)


def simplex(run: Run) -> Forecasts | None:
    """The first analysis that reports Spearman's ρ for muscles."""
    for a in run.analyses:
        rho, shuffled = a.metrics.get("rho"), a.metrics.get("shuffled")
        if isinstance(rho, Mapping) and isinstance(shuffled, Mapping):
            found = [v for v in rho.values() if v is not None]
            others = (a.metrics.get(key) or {} for key in ("shuffled", "surrogate"))
            controls = ([v for c in control.values() if (v := dig(c, "rho")) is not None] for control in others)
            settings = a.metrics.get("settings") or {}
            given = {"both": "joints and muscles"}.get(
                settings.get("predictors", ""), settings.get("predictors", "joints")
            )
            between = f"{given} to {'EMG' if settings.get('predict') == 'emg' else 'muscles'}"
            unseen = settings.get("split", "rollouts") in ("rollouts", "fraction")
            return Forecasts(a.name, between, unseen, found, *controls) if found else None
    return None


def emg(run: Run) -> tuple[str, dict[str, Mapping[str, Any]]]:
    """Name of the first analysis that compares activations with EMG, and what it found for each recorded muscle."""
    for a in run.analyses:
        found = {m: v for m in a.metrics if (v := dig(a.metrics, m, "activation")) and dig(v, "mae") is not None}
        if found:
            return a.name, found
    return "", {}


def made_up_emg(run: Run) -> bool:
    """Whether the run's EMG was made by the program."""
    return bool(run.summary("emg").get("synthetic"))


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
    _, muscles = emg(run)
    if muscles:
        each = [f"{show(f['mae'])} for {m} (r {show(f.get('r'))})" for m, f in muscles.items()]
        sentences.append(
            f"Beside the {'made-up' if made_up_emg(run) else 'recorded'} EMG, the mean course of activation is off by "
            f"{' and '.join(each)} on average, in shares of the muscle's full activity."
        )
    forecasts = simplex(run)
    if forecasts:
        rho, controls = forecasts.rho, forecasts.controls()
        sentences.append(
            f"Simplex projection from {forecasts.between} forecasts{' unseen clips' * forecasts.unseen} with a "
            f"Spearman's ρ of {show(min(rho))} to {show(max(rho))} over {len(rho)} signals (mean "
            f"{show(float(np.mean(rho)))}{f'; {controls}' if controls else ''})."
        )
    return " ".join(sentences)
