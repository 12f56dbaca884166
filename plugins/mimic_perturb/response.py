"""What a perturbation did: rollouts of a disturbed controller beside the undisturbed ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from mimic_core import DataError, Rollouts, to_json
from mimic_core.records import AppliedPerturbation
from mimic_perturb.findings import Intention, Response
from mimic_perturb.settings import Recovery
from mimic_statistics import check_same

SMALLEST_SHIFT = 1e-6
"""of an intention, in standard deviations of the prior; less is rounding"""

_ALIKE: dict[str, Callable[[Rollouts], Any]] = {
    "training run": lambda r: r.training,
    "checkpoint": lambda r: r.checkpoint,
    "clips file": lambda r: r.clips,
    "seed": lambda r: r.seed,
    "simulator": lambda r: r.simulator,
    "clips' number of steps": lambda r: r.n_steps,
}
"""What rollouts must share, so that only the perturbation sets them apart."""


def check_comparable(plain: Rollouts, perturbed: Sequence[Rollouts]) -> None:
    """Refuse rollouts that more than a perturbation sets apart.

    Raises:
        DataError: the first ones were disturbed too, one of the others was not, or two differ in body, clips, training
            run, checkpoint, seed or simulator.
    """
    if plain.perturbation is not None:
        raise DataError(
            f"analyze.recovery: the rollouts to compare with were disturbed by {plain.perturbation.label!r}; give "
            "rollouts of the undisturbed controller"
        )
    if not perturbed or any(r.perturbation is None for r in perturbed):
        raise DataError(
            "analyze.recovery: needs rollouts of the disturbed controller beside the undisturbed ones; make them with "
            "'mimic rollout RUN --perturb NAME'"
        )
    for field in ("clip_names", "rate_hz", "actuator_names", "keypoint_names"):
        check_same([plain, *perturbed], field)
    for r, label in zip(perturbed, labels(perturbed), strict=True):
        _check_alike(plain, r, label)


def applied(rollouts: Rollouts) -> AppliedPerturbation:
    """What disturbed these rollouts.

    Raises:
        DataError: nothing did.
    """
    if rollouts.perturbation is None:
        raise DataError("rollouts: of an undisturbed controller; make them with 'mimic rollout RUN --perturb NAME'")
    return rollouts.perturbation


def _check_alike(plain: Rollouts, perturbed: Rollouts, label: str) -> None:
    for what, of in _ALIKE.items():
        expected, found = to_json(of(plain)), to_json(of(perturbed))
        if found != expected:
            which = f" ({found}, undisturbed {expected})" if len(f"{found}{expected}") < 60 else ""
            raise DataError(
                f"analyze.recovery: rollouts {label!r} and the undisturbed ones differ in their {what}{which}, so that "
                "more than the perturbation sets them apart; make both with the same run, checkpoint and --seed"
            )


def labels(perturbed: Sequence[Rollouts]) -> list[str]:
    """Name each perturbed rollout; those of one name by the settings that they do not share."""
    perturbations = [applied(r) for r in perturbed]
    out: list[str] = []
    for i, one in enumerate(perturbations):
        alike = [p for p in perturbations if p.label == one.label]
        differs = [k for k, v in one.settings.items() if any(p.settings.get(k) != v for p in alike)]
        name = " ".join([one.label, *(f"{k} {in_words(one.settings[k])}" for k in differs)])
        out.append(name if name not in out else f"{name} ({i + 1})")
    return out


def in_words(v: Any) -> str:
    """A setting, for a label or a text."""
    return " ".join(map(str, v)) if isinstance(v, (list, tuple)) else f"{v:g}" if isinstance(v, float) else str(v)


def respond(plain: Rollouts, perturbed: Rollouts, label: str, keypoints: Sequence[str], settings: Recovery) -> Response:
    """Measure what a perturbation did."""
    rate, n_steps = plain.rate_hz, plain.n_steps
    at = [plain.keypoint_names.index(k) for k in keypoints]
    to_mm = 1e3 * (plain.body.scale if plain.body is not None else 1.0)
    apart = np.linalg.norm(perturbed.site_pos[..., at, :] - plain.site_pos[..., at, :], axis=-1)
    deviation = to_mm * apart.mean(axis=-1)
    change = getattr(perturbed, settings.signal) - getattr(plain, settings.signal)
    if settings.signal == "excitation":  # what is kept at an entry was sent a control step and the motor delay before
        sent = 1 + round(1e-3 * motor_delay_ms(plain) * rate)
        change = np.concatenate([change[:, sent:], np.full_like(change[:, :sent], np.nan)], axis=1)
    perturbation = applied(perturbed)
    onset, end = (1e-3 * np.array(at_ms, float) for at_ms in (perturbation.onset_ms, perturbation.end_ms))
    shape = (len(n_steps), len(plain.actuator_names))
    peak, peak_at, recovery, left = np.full((4, len(n_steps)), np.nan)
    latency, mean_change, false_alarm = np.full((3, *shape), np.nan)
    for c in np.flatnonzero(np.isfinite(onset)):
        n = int(n_steps[c])
        since = np.round(1e3 * (plain.time[:n] - onset[c]), 6)
        after = since >= 0
        d = np.where(after, deviation[c, :n], 0.0)
        peak[c], peak_at[c] = d.max(), max(0.0, since[int(d.argmax())])
        recovery[c] = recovered_ms(d, since, max(settings.recovered_share * peak[c], settings.recovered_mm))
        left[c] = d[after & (since >= since[-1] - settings.end_ms)].mean()
        large = np.abs(change[c, :n]) > settings.response
        differs = large & after[:, None]
        if (since < 0).any():
            false_alarm[c] = (large & (since < 0)[:, None]).any(axis=0)
        latency[c] = np.where(differs.any(axis=0), since[differs.argmax(axis=0)], np.inf)
        within = after & (since <= settings.window_ms) & np.isfinite(change[c, :n]).all(axis=-1)
        if within.any():
            mean_change[c] = change[c, :n][within].mean(axis=0)
    return Response(
        label=label,
        perturbation=perturbation,
        rate_hz=rate,
        onset=onset,
        end=end,
        deviation_mm=deviation,
        change=change,
        peak_mm=peak,
        peak_ms=peak_at,
        recovery_ms=recovery,
        left_mm=left,
        latency_ms=latency,
        mean_change=mean_change,
        false_alarm=false_alarm,
        error_mm=_errors(plain, perturbed, at, onset, end),
        intention=intention(plain, perturbed, onset, end),
    )


def intention(plain: Rollouts, perturbed: Rollouts, onset: np.ndarray, end: np.ndarray) -> Intention | None:
    """How much was added to the intention while the perturbation lasted, beside its own spread.

    What the controller draws of itself, where it acts stochastically, is taken off: variances add.

    Args:
        plain, perturbed: rollouts that tell their intentions by the names of `mimic_core.Rollouts`.
        onset, end: (clip,) s; NaN for a clip that was left alone.
    """
    if not all({"intention", "intention_mean"} <= set(r.record) for r in (plain, perturbed)):
        return None
    lasting = (plain.time >= onset[:, None] - 1e-9) & (plain.time <= end[:, None] + 1e-9)
    drawn, moved = (
        _mean_square((r.record["intention"] - r.record["intention_mean"])[lasting]) for r in (plain, perturbed)
    )
    shift = np.sqrt(max(0.0, moved - drawn))
    if not shift > SMALLEST_SHIFT:
        return None
    means = plain.record["intention_mean"]
    about = means - np.nanmean(means, axis=(0, 1))
    logvar = plain.record.get("intention_logvar")
    own = float("nan") if logvar is None else np.sqrt(mean_of(np.exp(logvar)))
    return Intention(shift=float(shift), spread=float(np.sqrt(_mean_square(about))), uncertainty=float(own))


def _mean_square(a: np.ndarray) -> float:
    return mean_of(a**2)


def between_clips_mm(plain: Rollouts, keypoints: Sequence[str]) -> float:
    """Mean distance of the keypoints from the mean course of all undisturbed clips, mm of the animal."""
    at = [plain.keypoint_names.index(k) for k in keypoints]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # no clip has the instant
        mean = np.nanmean(plain.site_pos, axis=0)
    apart = np.linalg.norm(plain.site_pos - mean, axis=-1)[..., at]
    return 1e3 * (plain.body.scale if plain.body is not None else 1.0) * mean_of(apart)


def motor_delay_ms(rollouts: Rollouts) -> float:
    """By how much excitation reaches the muscles later than it is sent; 0 where the rollouts hold no training."""
    settings = {} if rollouts.training is None else rollouts.training.plan.settings
    return float(settings.get("task", {}).get("motor_delay_ms", 0.0))


def recovered_ms(deviation: np.ndarray, since: np.ndarray, threshold: float) -> float:
    """Return the time (ms) from which on a deviation stays at or below the threshold; inf if it ends above.

    Args:
        deviation: (step,) 0 before the onset.
        since: (step,) ms since the onset.
    """
    above = np.flatnonzero(deviation > threshold)
    if not above.size:
        return 0.0
    return float(since[above[-1] + 1]) if above[-1] + 1 < len(since) else np.inf


def _errors(plain: Rollouts, perturbed: Rollouts, at: Sequence[int], onset: np.ndarray, end: np.ndarray):
    """Tracking error of both before, during and after the perturbation."""
    time = plain.time[None]
    struck = np.isfinite(onset)[:, None]
    windows = {
        "before": struck & (time < onset[:, None] - 1e-9),
        "during": struck & (time >= onset[:, None] - 1e-9) & (time <= end[:, None] + 1e-9),
        "after": struck & (time > end[:, None] + 1e-9),
    }
    return {
        name: tuple(mean_of(r.error_mm[..., at].mean(axis=-1)[where]) for r in (plain, perturbed))
        for name, where in windows.items()
    }


def mean_of(a: np.ndarray) -> float:
    """Mean of the numbers that are not NaN; NaN where there is none."""
    return float(np.nanmean(a)) if np.isfinite(a).any() else float("nan")


def median_of(a: np.ndarray) -> float:
    """Median of the numbers that are not NaN; NaN where it is not finite: half of them, or more, never came."""
    a = a[~np.isnan(a)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of a number and inf
        middle = float(np.median(a)) if a.size else float("nan")
    return middle if np.isfinite(middle) else float("nan")
