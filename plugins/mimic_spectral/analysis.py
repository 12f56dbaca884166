"""Power of muscle commands above 10 Hz, in the reach and in the hold, beside effort and shuffled commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, Headline, Inputs, Result, Rollouts, Table
from mimic_spectral.findings import WINDOWS, Powers, Spectra
from mimic_spectral.power import KEYS, MEAN_COURSE, PERIODS, PHASES, SAMPLES, spectra
from mimic_spectral.settings import Settings
from mimic_statistics import check_same, labels, mean_interval

MILLI = 1e3


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads any number of rollouts."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_spectral import figures

        rollouts: tuple[Rollouts, ...] = inputs.all("rollouts")
        for field in ("actuator_names", "rate_hz"):
            check_same(rollouts, field)
        found = [spectra(r, settings) for r in rollouts]
        names = rollouts[0].actuator_names
        top = min(settings.top_hz, rollouts[0].rate_hz / 2)
        band = f"{settings.cut_hz:g} to {top:g} Hz"
        metrics = _metrics(found, names) | {
            "rollouts": len(rollouts),
            "clips": sum(f.clips for f in found),
            "clips_left_out": sum(len(r.clip_names) for r in rollouts) - sum(f.clips for f in found),
            "settings": attrs.asdict(settings),
        }
        tables = {
            "power": _muscle_table(found, names, settings, band),
            "nulls": _null_table(found, settings, band),
        }
        if len(rollouts) > 1:
            tables["by_rollouts"] = _rollouts_table(found, labels(rollouts), settings, band)
        of = "" if len(rollouts) == 1 else f", mean over {len(rollouts)} rollouts"
        interval = "" if len(rollouts) == 1 else "; whiskers: 95 % confidence interval over rollouts"
        return Result(
            headlines=_headlines(found, names, settings, band),
            metrics=metrics,
            tables=tables,
            figures={
                "course": figures.course(found, settings, rollouts[0].rate_hz, band),
                "spectra": figures.spectra(found, names, settings, top),
                "share": figures.shares(found, names, settings, band),
            },
            captions={
                "course": f"Above: power of the {settings.signal} of all actuators at {band}{of}, instant by instant, "
                f"and that of null models. Below: effort, Σ{settings.signal}². Shaded: the reach, the first "
                f"{settings.reach_ms:g} ms.",
                "spectra": f"Power density of the {settings.signal} of every actuator in whole clips, their mean{of}"
                + (" (thin: each of them)" if of else "")
                + f". Power in the shaded band ({band}) counts as high.",
                "share": f"Power of the {settings.signal} at {band} (above) and its share (below), in the reach and in "
                f"the hold after it{of}{interval}. Lines: null models in the reach, mean over actuators.",
            },
            methods=_methods(rollouts, settings, metrics, top),
        )

    return analyse


def _windows(found: Sequence[Spectra]) -> list[str]:
    return [w for w in WINDOWS if all(w in f.windows for f in found)]


def _metrics(found: Sequence[Spectra], names: tuple[str, ...]) -> dict[str, Any]:
    """Of whole clips at the top; of ``reach`` and ``hold`` and of every null model below their names."""
    of = {w: _numbers([f.windows[w] for f in found], names) for w in _windows(found)}
    out = of.pop("whole") | of
    out["nulls"] = {KEYS[n]: _of_null(found, n) for n in found[0].nulls}
    return out


def _of_null(found: Sequence[Spectra], name: str) -> dict[str, Any]:
    of = {w: _numbers([f.nulls[name][w] for f in found if w in f.nulls[name]], ()) for w in _windows(found)}
    return of.pop("whole") | of


def _numbers(found: Sequence[Powers], names: tuple[str, ...]) -> dict[str, Any]:
    """``share``, ``power``, ``total_power``: mean over actuators with its interval over rollouts, and of each actuator;
    ``effort``: their sum."""
    out: dict[str, Any] = {}
    for key, values in (
        ("share", np.array([p.share for p in found])),
        ("power", np.array([p.high for p in found])),
        ("total_power", np.array([p.total for p in found])),
    ):
        means = [np.nan if np.isnan(v).all() else np.nanmean(v) for v in values]
        each = {name: mean_interval(values[:, i]) for i, name in enumerate(names)}
        out[key] = mean_interval(means) | ({"actuators": each} if names else {})
    return out | {"effort": mean_interval([p.effort.sum() for p in found])}


def _mean(found: Sequence[Spectra], window: str, measure: str, null: str = "") -> float:
    """Mean over rollouts of a null model's, or the controller's, number in one window."""
    powers = [(f.nulls[null] if null else f.windows)[window] for f in found]
    values = {
        "share": [p.mean_share for p in powers],
        "power": [p.high.mean() for p in powers],
        "effort": [p.effort.sum() for p in powers],
    }[measure]
    return float(np.mean(values))


def _headlines(found: Sequence[Spectra], names: tuple[str, ...], settings: Settings, band: str) -> list[Headline]:
    """Share and power in the reach; which is worth what says the effort."""
    of = f" and {len(found)} rollouts" if len(found) > 1 else ""
    effort = _mean(found, "reach", "effort")
    note = f"mean over {len(names)} actuators{of}"
    when = f"in the first {settings.reach_ms:g} ms"

    def headline(label: str, measure: str, factor: float, unit: str, more: str = "") -> Headline:
        nulls = {n: _finite(factor * _mean(found, "reach", measure, n)) for n in found[0].nulls}
        value = _finite(factor * _mean(found, "reach", measure))
        return Headline(f"{label} {when}", value, unit, note + more, nulls=nulls)

    beside = f"; effort Σ{settings.signal}² {effort:.3g} per step"
    return [
        headline(f"share of {settings.signal} at {band}", "share", 100, "%"),
        headline(f"power of {settings.signal} at {band}", "power", MILLI, "10⁻³", beside),
    ]


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _muscle_table(found: Sequence[Spectra], names: tuple[str, ...], settings: Settings, band: str) -> Table:
    windows = _windows(found)

    def numbers(window: str) -> np.ndarray:
        powers = [f.windows[window] for f in found]
        return np.array([(MILLI * p.high, 100 * p.share) for p in powers]).mean(axis=0)

    of = {w: numbers(w) for w in windows}
    means = [v for w in windows for v in (MILLI * _mean(found, w, "power"), 100 * _mean(found, w, "share"))]
    return Table(
        columns=("actuator", *(f"{w}: {what}" for w in windows for what in ("power (10⁻³)", "share (%)"))),
        rows=[
            *((name, *(of[w][k, i] for w in windows for k in (0, 1))) for i, name in enumerate(names)),
            ("mean", *means),
        ],
        caption=f"Power of the {settings.signal} at {band} ({settings.signal}²) and its share of all power, in the "
        f"first {settings.reach_ms:g} ms (reach), after it (hold), and in whole clips.",
    )


def _null_table(found: Sequence[Spectra], settings: Settings, band: str) -> Table:
    rows = [_row("the controller", found, "")]
    rows += [_row(n, found, n) for n in found[0].nulls]
    windows = [w for w in _windows(found) if w != "whole"]
    heads = [f"{w}: {what}" for w in windows for what in ("effort", "power (10⁻³)", "share (%)")]
    return Table(
        columns=("model", *heads),
        rows=rows,
        caption=f"Effort (Σ{settings.signal}², sum over actuators), power at {band} and its share (means over "
        "actuators) of the controller and of null models that went through the same: the mean course of all clips "
        "(what they share), every frequency moved in time at random, and the same values in random order, which "
        "cost the same effort.",
    )


def _row(label: str, found: Sequence[Spectra], null: str) -> tuple:
    windows = [w for w in _windows(found) if w != "whole"]
    there = [w for w in windows if not null or all(w in f.nulls[null] for f in found)]
    numbers = [
        factor * _mean(found, w, measure, null) if w in there else float("nan")
        for w in windows
        for measure, factor in (("effort", 1), ("power", MILLI), ("share", 100))
    ]
    return (label, *numbers)


def _rollouts_table(found: Sequence[Spectra], who: Sequence[str], settings: Settings, band: str) -> Table:
    windows = [w for w in _windows(found) if w != "whole"]
    heads = [f"{w}: {what}" for w in windows for what in ("effort", "power (10⁻³)", "share (%)")]
    return Table(
        columns=("rollouts", "clips", *heads),
        rows=[(label, f.clips, *_row(label, [f], "")[1:]) for label, f in zip(who, found, strict=True)],
        caption=f"Effort (Σ{settings.signal}²), power at {band} and its share. Where power falls as effort does, all "
        "of the command has become smaller; where the share falls, it has become slower.",
    )


def _methods(rollouts: Sequence[Rollouts], settings: Settings, metrics: dict[str, Any], top: float) -> str:
    left = metrics["clips_left_out"]
    short = f" {left} clips shorter than {PERIODS} periods of {settings.cut_hz:g} Hz were left out." if left else ""
    seeds = (
        f" Numbers are means over {len(rollouts)} rollouts with 95 % confidence intervals over them (Student's t)."
        if len(rollouts) > 1
        else ""
    )
    kind = "high-pass" if settings.top_hz >= rollouts[0].rate_hz / 2 else "band-pass"
    return (
        f"The {settings.signal} of every actuator, clip by clip at the control rate of {rollouts[0].rate_hz:g} Hz, had "
        f"its mean subtracted and was padded: outside of the clip its ends fade to the mean over {settings.pad_ms:g} "
        "ms (half a cosine), so that every instant of the clip keeps its weight and no end looks like a step. Its fast "
        f"part is what a Butterworth {kind} of order {settings.order} leaves from {settings.cut_hz:g} to {top:g} Hz, "
        "forwards and backwards (scipy.signal.sosfiltfilt). Power is its mean square over the instants of a window "
        f"and over {metrics['clips']} clips, each with the same weight, apart for the reach (the first "
        f"{settings.reach_ms:g} ms) and the hold after it; its share is over the mean square of the signal about its "
        f"mean in the same window.{short} Effort is Σ{settings.signal}², summed over actuators. Null models go through "
        f"the same: {MEAN_COURSE}; {PHASES} (Theiler et al. 1992, doi:10.1016/0167-2789(92)90102-S); {SAMPLES}, so "
        f"that mean and effort stay ({settings.draws} draws, seed {settings.seed}). The mean over actuators gives each "
        f"the same weight.{seeds} Leonardis et al. (2025) count 10 to 1000 Hz; their taper is not published."
    )
