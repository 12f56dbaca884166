"""Power spectra of muscle commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from scipy import signal as dsp

from mimic_core import ConfigError, Context, DataError, Headline, Inputs, Result, Rollouts, Table
from mimic_core.records import check_same, labels, mean_interval
from mimic_spectral.findings import Spectra
from mimic_spectral.settings import Settings

PERIODS = 2
"""A clip must last as many periods of ``cut_hz``: half the width of a Hann taper's main lobe is then ``cut_hz``."""


def density(x: np.ndarray, rate_hz: float, settings: Settings, nfft: int) -> tuple[np.ndarray, np.ndarray]:
    """One-sided power density (…, frequency) of one clip's signals (…, time), and its frequencies in Hz.

    Its sum times ``rate_hz / nfft`` is the mean square of the tapered signal over the mean square of the taper
    (Parseval); zeros are appended up to ``nfft`` samples.

    Raises:
        ConfigError: scipy knows no such taper.
    """
    try:
        taper = dsp.get_window(settings.window, x.shape[-1])
    except ValueError as e:
        raise ConfigError(
            f"analyze.spectral.window: scipy knows no taper {settings.window!r}; try hann, hamming or boxcar"
        ) from e
    trend = False if settings.detrend == "none" else settings.detrend
    hz, power = dsp.periodogram(x, rate_hz, window=taper, nfft=nfft, detrend=trend, scaling="density")
    return hz, power


def spectra(rollouts: Rollouts, settings: Settings) -> Spectra:
    """Mean spectra of all actuators over the clips that are long enough.

    Raises:
        DataError: no clip is long enough, or the rate is too low for ``cut_hz``.
    """
    rate = rollouts.rate_hz
    if settings.cut_hz >= rate / 2:
        raise DataError(
            f"analyze.spectral.cut_hz: {settings.cut_hz:g} Hz is not below half the control rate of the rollouts "
            f"({rate / 2:g} Hz); choose a lower one"
        )
    signals = [_finite(clip[:n]) for clip, n in zip(getattr(rollouts, settings.signal), rollouts.n_steps, strict=True)]
    needed = int(np.ceil(PERIODS * rate / settings.cut_hz))
    long = [x for x in signals if len(x) >= needed]
    if not long:
        raise DataError(
            f"rollouts: no clip has the {needed} samples ({PERIODS} periods of {settings.cut_hz:g} Hz) that its "
            f"spectrum needs, the longest has {max(map(len, signals))}; raise analyze.spectral.cut_hz"
        )
    nfft = max(map(len, long))
    found = [density(x.T, rate, settings, nfft) for x in long]
    hz, mean = found[0][0], np.mean([d for _, d in found], axis=0)
    band = (hz >= settings.cut_hz) & (hz <= settings.top_hz)
    width = rate / nfft
    return Spectra(hz, mean, mean.sum(axis=-1) * width, mean[:, band].sum(axis=-1) * width, len(long))


def _finite(clip: np.ndarray) -> np.ndarray:
    """Leave out the entries without a value: what is applied during a step has none at the start."""
    return clip[np.isfinite(clip).all(axis=-1)].astype(float)


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
        of = "" if len(rollouts) == 1 else f", mean over {len(rollouts)} rollouts"
        interval = "" if len(rollouts) == 1 else "; whiskers: 95 % confidence interval over rollouts"
        note = f"mean over {len(names)} actuators" + (f" and {len(rollouts)} rollouts" if of else "")
        return Result(
            headlines=[Headline(f"power of {settings.signal} at {band}", 100 * metrics["share"]["mean"], "%", note)],
            metrics=metrics,
            tables={"power": _muscle_table(metrics, names, settings, band)}
            | ({"by_rollouts": _rollouts_table(found, labels(rollouts), settings, band)} if len(rollouts) > 1 else {}),
            figures={
                "spectra": figures.spectra(found, names, settings, top),
                "share": figures.shares(metrics, names, settings, band),
            },
            captions={
                "spectra": f"Power density of the {settings.signal} of each actuator, mean over clips{of}"
                + (" (thin: each of them)" if of else "")
                + f". Power in the shaded band ({band}) counts as high.",
                "share": f"Share of the power of the {settings.signal} that lies at {band}{of}{interval}. "
                "Dashed: mean over actuators.",
            },
            methods=_methods(rollouts, settings, metrics, top),
        )

    return analyse


def _metrics(found: list[Spectra], names: tuple[str, ...]) -> dict[str, Any]:
    """``share``, ``power`` and ``total_power``: mean over actuators with its interval over rollouts, and of each."""
    out: dict[str, Any] = {}
    for key, values in (
        ("share", np.array([f.share for f in found])),
        ("power", np.array([f.high for f in found])),
        ("total_power", np.array([f.total for f in found])),
    ):
        means = [np.nan if np.isnan(v).all() else np.nanmean(v) for v in values]
        out[key] = mean_interval(means) | {
            "actuators": {name: mean_interval(values[:, i]) for i, name in enumerate(names)}
        }
    return out


def _muscle_table(metrics: dict[str, Any], names: tuple[str, ...], settings: Settings, band: str) -> Table:
    unit = f"10⁻³ {settings.signal}²"
    bounds = ("share low (%)", "share high (%)") if "low" in metrics["share"] else ()

    def row(name: str, total: dict, high: dict, share: dict) -> tuple:
        limits = tuple(100 * share.get(k, float("nan")) for k in ("low", "high")) if bounds else ()
        return name, 1e3 * total["mean"], 1e3 * high["mean"], 100 * share["mean"], *limits

    groups = [metrics[k] for k in ("total_power", "power", "share")]
    rows = [row(name, *(g["actuators"][name] for g in groups)) for name in names]
    return Table(
        columns=("actuator", f"total power ({unit})", f"power above ({unit})", "share above (%)", *bounds),
        rows=[*rows, row("mean", *groups)],
        caption=f"Power of the {settings.signal} and its share at {band}"
        + ("; low and high: 95 % confidence interval over rollouts." if bounds else "."),
    )


def _rollouts_table(found: list[Spectra], names: tuple[str, ...], settings: Settings, band: str) -> Table:
    return Table(
        columns=("rollouts", "clips", f"power above (10⁻³ {settings.signal}²)", "share above (%)"),
        rows=[(n, f.clips, 1e3 * f.high.mean(), 100 * np.nanmean(f.share)) for n, f in zip(names, found, strict=True)],
        caption=f"Mean over actuators of the power and of its share at {band}.",
    )


def _methods(rollouts: Sequence[Rollouts], settings: Settings, metrics: dict[str, Any], top: float) -> str:
    trend = {"constant": "Its mean was", "linear": "A straight line was", "none": "Nothing was"}[settings.detrend]
    left = metrics["clips_left_out"]
    short = f" {left} clips shorter than {PERIODS} periods of {settings.cut_hz:g} Hz were left out." if left else ""
    seeds = (
        f" Numbers are means over {len(rollouts)} rollouts with 95 % confidence intervals from Student's t."
        if len(rollouts) > 1
        else ""
    )
    return (
        f"The power of the {settings.signal} of every actuator was found clip by clip at the control rate of "
        f"{rollouts[0].rate_hz:g} Hz with a modified periodogram (scipy.signal.periodogram, taper {settings.window}; "
        f"Harris 1978, doi:10.1109/PROC.1978.10837). {trend} subtracted from each clip first. "
        f"Spectra were averaged over {metrics['clips']} clips, each with the same weight.{short} "
        f"High power is the sum from {settings.cut_hz:g} to {top:g} Hz; its share is this over the power at all "
        f"frequencies, both after averaging over clips. The mean over actuators gives each the same weight.{seeds} "
        "Leonardis et al. (2025) count 10 to 1000 Hz; their taper is not published."
    )
