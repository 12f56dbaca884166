"""Figures of the analysis of recovery."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mimic_drawing import BLACK, DIVERGING, GREY, ORANGE, VERMILLION
from mimic_perturb.findings import Response
from mimic_perturb.settings import Recovery
from mimic_statistics import mean_and_sem

_BEFORE = 0.025  # s shown before the onset


def aligned(values: np.ndarray, onset: np.ndarray, rate_hz: float) -> tuple[np.ndarray, np.ndarray]:
    """Put clips on one time axis that begins at the perturbation's onset.

    Args:
        values: (clip, step, …).
        onset: (clip,) s; NaN for clips that are left out.

    Returns:
        (t,) s since the onset and (clip, t, …), NaN where a clip has no such instant; as long as half the clips last.
    """
    struck = np.flatnonzero(np.isfinite(onset))
    first = np.round(onset[struck] * rate_hz).astype(int)
    lead = min(int(_BEFORE * rate_hz), int(first.max()))
    padded = np.concatenate(
        [np.full((len(values), lead, *values.shape[2:]), np.nan), values, np.full_like(values, np.nan)], axis=1
    )
    steps = np.arange(-lead, values.shape[1])
    out = padded[struck[:, None], first[:, None] + lead + steps]
    there = np.isfinite(out).reshape(*out.shape[:2], -1).any(axis=-1).mean(axis=0) >= 0.5
    return steps[there] / rate_hz, out[:, there]


def deviation(found: Sequence[Response], between_mm: float) -> Figure:
    """Deviation from the undisturbed course over time, a panel for each perturbation."""
    figure, axes = _panels(len(found), height=2.4)
    for ax, r in zip(axes, found, strict=True):
        time, d = aligned(r.deviation_mm, r.onset, r.rate_hz)
        ms = 1e3 * time
        mean, sem = mean_and_sem(d)
        _shade(ax, r, ms[-1])
        ax.plot(ms, d.T, color=GREY, alpha=0.25, linewidth=0.5)
        ax.fill_between(ms, mean - sem, mean + sem, color=VERMILLION, alpha=0.3, linewidth=0)
        ax.axhline(between_mm, color=BLACK, linewidth=0.9, linestyle=":")
        ax.plot(ms, mean, color=VERMILLION, label="mean ± SEM")
        ax.set_title(f"{r.label} ({len(d)} clips)")
        ax.set_ylim(bottom=0)
        ax.set_xlim(ms[0], ms[-1])
    axes[0].plot([], [], color=GREY, alpha=0.5, linewidth=0.7, label="a clip")
    axes[0].legend(loc="upper right")
    figure.supxlabel("time since the onset (ms)", fontsize=9)
    figure.supylabel("deviation (mm)", fontsize=9)
    return figure


def muscle_response(found: Sequence[Response], muscles: Sequence[str], settings: Recovery) -> Figure:
    """Mean change of every muscle's signal since the onset, a panel for each perturbation."""
    figure, axes = _panels(len(found), height=0.7 + 0.19 * len(muscles), sharey=True)
    for ax, r in zip(axes, found, strict=True):
        time, change = aligned(r.change, r.onset, r.rate_hz)
        some = np.isfinite(change).any(axis=(0, 2))
        time, mean = time[some], np.nanmean(change[:, some], axis=0)
        size = float(np.abs(mean).max()) or 1.0
        ms, half = 1e3 * time, 500.0 / r.rate_hz
        extent = (ms[0] - half, ms[-1] + half, len(muscles) - 0.5, -0.5)
        image = ax.imshow(
            mean.T, aspect="auto", extent=extent, cmap=DIVERGING, vmin=-size, vmax=size, interpolation="nearest"
        )
        last = 1e3 * float(np.nanmedian(r.end - r.onset))
        if last < ms[-1]:
            ax.axvline(last, color="black", linewidth=0.8)
        ax.set_yticks(range(len(muscles)), muscles)
        ax.set_title(r.label)
        figure.colorbar(image, ax=ax, label=f"change of {settings.signal}", pad=0.02)
    figure.supxlabel("time since the onset (ms)", fontsize=9)
    return figure


def _shade(ax, r: Response, until_ms: float) -> None:
    """Mark how long the perturbation lasts, where it ends before the panel does."""
    last = 1e3 * float(np.nanmedian(r.end - r.onset))
    if last < until_ms:
        ax.axvspan(0, last, color=ORANGE, alpha=0.25, linewidth=0)


def _panels(n: int, height: float, sharey: bool = False):
    columns = min(n, 2 if n <= 4 else 3)
    rows = -(-n // columns)
    figure = Figure(figsize=(3.9 * columns, height * rows + 0.4))
    axes = list(figure.subplots(rows, columns, squeeze=False, sharey=sharey).flat)
    for ax in axes[n:]:
        ax.set_visible(False)
    return figure, axes[:n]
