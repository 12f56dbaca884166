"""Figures of the spectral analysis."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mimic_core.analysis import BLACK, BLUE, GREY, VERMILLION
from mimic_spectral.findings import Spectra
from mimic_spectral.settings import Settings


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


def shares(metrics: dict[str, Any], names: tuple[str, ...], settings: Settings, band: str) -> Figure:
    """Bars of the share of every actuator."""
    of = metrics["share"]["actuators"]
    mean = 100 * np.array([of[n]["mean"] for n in names])
    figure = Figure(figsize=(max(3.5, 0.55 * len(names) + 1.2), 3.2))
    ax = figure.subplots()
    ax.bar(range(len(names)), mean, 0.7, color=BLUE)
    if "low" in metrics["share"]:
        reach = [[100 * abs(of[n].get(k, np.nan) - of[n]["mean"]) for n in names] for k in ("low", "high")]
        ax.errorbar(range(len(names)), mean, reach, fmt="none", ecolor=BLACK, capsize=3, linewidth=1)
    ax.axhline(100 * metrics["share"]["mean"], color=VERMILLION, linestyle=(0, (5, 2)))
    ax.set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_ylim(bottom=0)
    ax.set_ylabel(f"power at {band} (%)")
    ax.set_title(f"High-frequency {settings.signal}")
    return figure
