"""Figures of the spectral analysis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mimic_drawing import BLACK, BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION
from mimic_spectral.findings import Spectra
from mimic_spectral.power import MEAN_COURSE, PHASES, SAMPLES
from mimic_spectral.settings import Settings
from mimic_statistics import mean_interval

NULLS = {MEAN_COURSE: (GREEN, "-"), PHASES: (ORANGE, (0, (5, 1.5))), SAMPLES: (GREY, (0, (1, 1)))}
"""null model → colour and line"""


def course(found: list[Spectra], settings: Settings, rate_hz: float, band: str) -> Figure:
    """High power over time beside null models, and effort over time."""
    figure = Figure(figsize=(5.6, 4.6))
    upper, lower = figure.subplots(2, 1, sharex=True)
    for ax in (upper, lower):
        ax.axvspan(0, settings.reach_ms, color=SKY, alpha=0.15, linewidth=0)
    for name, (colour, line) in NULLS.items():
        if name in found[0].null_courses:
            _over_time(upper, [1e3 * f.null_courses[name] for f in found], rate_hz, colour, line, name)
    _over_time(upper, [1e3 * f.course for f in found], rate_hz, BLUE, "-", settings.signal)
    _over_time(lower, [f.effort for f in found], rate_hz, BLACK, "-", "")
    upper.set_ylabel(f"power at {band}\n(10⁻³, all actuators)")
    lower.set_ylabel(f"effort, Σ{settings.signal}²")
    lower.set_xlabel("time (ms)")
    for ax in (upper, lower):
        ax.set_ylim(bottom=0)
        ax.set_xlim(0, 1e3 * max(len(f.course) for f in found) / rate_hz)
    figure.legend(*upper.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _over_time(ax, courses: list[np.ndarray], rate_hz: float, colour: str, line, label: str) -> None:
    longest = max(map(len, courses))
    rows = np.array([np.pad(c, (0, longest - len(c)), constant_values=np.nan) for c in courses])
    there = np.isfinite(rows).any(axis=0)
    ms = 1e3 * (np.arange(longest) + 0.5) / rate_hz
    ax.plot(ms[there], np.nanmean(rows[:, there], axis=0), color=colour, linestyle=line, label=label or None)


def spectra(found: list[Spectra], names: tuple[str, ...], settings: Settings, top: float) -> Figure:
    """Power density of every actuator, mean over rollouts, with the band that counts as high."""
    columns = min(3 if len(names) <= 9 else 5, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(2.5 * columns + 0.5, 1.7 * rows + 0.7))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < len(names))
        if len(names) - columns <= i:
            ax.tick_params(labelbottom=True)
    some = found[0].hz > 0
    highest = max(np.nanmax(f.density[:, some]) for f in found)
    for i, (ax, name) in enumerate(zip(axes.flat, names, strict=False)):
        ax.axvspan(settings.cut_hz, top, color=VERMILLION, alpha=0.12, linewidth=0)
        if len(found) > 1:
            for f in found:
                ax.plot(f.hz[f.hz > 0], f.density[i, f.hz > 0], color=GREY, linewidth=0.6, alpha=0.6)
        ax.plot(found[0].hz[some], _mean_density(found, i)[some], color=BLUE)
        ax.set_title(name)
    axes.flat[0].set_yscale("log")
    axes.flat[0].set_xscale("log")
    axes.flat[0].set_xlim(found[0].hz[some][0], found[0].hz[-1])
    if highest > 0:
        axes.flat[0].set_ylim(1e-7 * highest, 2 * highest)
    figure.supxlabel("frequency (Hz)", fontsize=9)
    figure.supylabel(f"power density ({settings.signal}²/Hz)", fontsize=9)
    return figure


def _mean_density(found: list[Spectra], actuator: int) -> np.ndarray:
    """Mean over rollouts at the first one's frequencies; clips of other lengths have others."""
    return np.mean([np.interp(found[0].hz, f.hz, f.density[actuator]) for f in found], axis=0)


def shares(found: list[Spectra], names: tuple[str, ...], settings: Settings, band: str) -> Figure:
    """Bars of power and share of every actuator, in the reach and in the hold, with the null models of the reach."""
    figure = Figure(figsize=(max(4.2, 0.65 * len(names) + 1.6), 4.9))
    axes = figure.subplots(2, 1, sharex=True)
    windows = [w for w in ("reach", "hold") if all(w in f.windows for f in found)]
    for ax, (measure, factor) in zip(axes, (("high", 1e3), ("share", 100)), strict=True):
        for k, (window, colour) in enumerate(zip(windows, (BLUE, SKY), strict=False)):
            values = factor * np.array([getattr(f.windows[window], measure) for f in found])
            of = [mean_interval(column) for column in values.T]
            mean = np.array([m["mean"] for m in of])
            reach = np.array([m.get("high", m["mean"]) - m["mean"] for m in of])
            at = np.arange(len(names)) + (k - (len(windows) - 1) / 2) * 0.4
            ax.bar(at, mean, 0.38, color=colour, label=window if ax is axes[0] else None)
            if len(found) > 1:
                ax.errorbar(at, mean, reach, fmt="none", ecolor=BLACK, capsize=2, linewidth=1)
        for name, (colour, line) in NULLS.items():
            if name in found[0].nulls:
                of_null = [f.nulls[name]["reach"] for f in found]
                level = np.mean([p.mean_share if measure == "share" else p.high.mean() for p in of_null])
                ax.axhline(factor * level, color=colour, linestyle=line, label=name if ax is axes[0] else None)
        ax.set_ylim(bottom=0)
    axes[0].set_ylabel("power (10⁻³)")
    axes[1].set_ylabel("share (%)")
    axes[1].set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    figure.suptitle(f"{settings.signal} at {band}", fontsize=10)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper")
    return figure
