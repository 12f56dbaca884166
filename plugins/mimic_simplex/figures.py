"""Figures of the simplex analysis."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mimic_core.analysis import BLUE, GREY, SKY, VERMILLION
from mimic_simplex.findings import Forecast
from mimic_simplex.neighbours import Stack
from mimic_simplex.settings import Settings
from mimic_simplex.texts import source_words, target_unit, target_words


def bars(metrics: dict[str, Any], settings: Settings) -> Figure:
    """Spearman's rho of each muscle beside its surrogate and its shuffled control."""
    names = list(metrics["rho"])
    x = np.arange(len(names))
    figure = Figure(figsize=(max(5.0, 0.9 * len(names) + 1.5), 3.6))
    ax = figure.subplots()
    rho = np.array([metrics["rho"][m] for m in names], float)
    ax.bar(x - 0.27, rho, 0.26, color=BLUE, label=source_words(settings))
    ends = [0.0, *rho]
    for shift, key, label, look in (
        (0.0, "surrogate", "other trial, same time (mean ± SD)", {"color": SKY}),
        (0.27, "shuffled", "shuffled (mean ± SD)", {"color": "white", "edgecolor": GREY, "hatch": "////"}),
    ):
        mean, sd = (np.array([metrics[key][m][of] for m in names], float) for of in ("rho", "sd"))
        ax.bar(x + shift, mean, 0.26, yerr=sd, ecolor=GREY, capsize=2, label=label, **look)
        ends += [*(mean - sd)]
    for i in range(len(names)):
        text, top = (f"{rho[i]:.2f}", max(0.0, rho[i])) if np.isfinite(rho[i]) else ("constant", 0.0)
        ax.annotate(text, (x[i] - 0.27, top), (0, 2), textcoords="offset points", ha="center", fontsize=8)
    ax.axhline(0, color="black", linewidth=0.8)
    crowded = max(map(len, names)) * len(names) > 40
    ax.set_xticks(x, names, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    ax.set_ylim(max(-1.0, min(v - 0.05 for v in ends if np.isfinite(v))), 1.05)
    ax.set_ylabel("Spearman's ρ, observed vs forecast")
    ahead_ms = 1e3 * settings.Tp / settings.rate_hz
    ax.set_title(f"Forecast of {target_words(settings)} {ahead_ms:g} ms ahead")
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def traces(
    forecasts: dict[str, Forecast], stack: Stack, show: tuple[str, ...], settings: Settings
) -> tuple[Figure, list[str]]:
    """Observed and forecast signal of some muscles in up to three clips, and the names of those clips."""
    chosen = _spread(_clip_errors(forecasts, stack), 3)
    columns = min(3, len(show))
    n_rows = -(-len(show) // columns)
    figure = Figure(figsize=(3.3 * columns + 0.4, 1.7 * n_rows + 0.9), layout="constrained")
    axes = figure.subplots(n_rows, columns, squeeze=False)
    period_ms = 1e3 / settings.rate_hz
    for ax in axes.flat[len(show) :]:
        ax.set_visible(False)
    names = {1: ["one clip"], 2: ["best clip", "worst"], 3: ["best clip", "middle", "worst"]}[len(chosen)]
    for panel, (ax, muscle) in enumerate(zip(axes.flat, show, strict=False)):
        f, start, ticks = forecasts[muscle], 0.0, []
        for i in chosen:
            here = stack.clip[f.row] == i
            t = start + np.arange(here.sum()) * period_ms
            first = start == 0.0
            ax.plot(t, f.observed[here], color="black", linewidth=1.4, label="observed" if first else None)
            ax.plot(
                t,
                f.predicted[here],
                color=VERMILLION,
                linewidth=1.4,
                linestyle=(0, (4, 1.5)),
                label="forecast" if first else None,
            )
            ticks.append(t.mean())
            start = t[-1] + 12 * period_ms
        ax.set_title(f"{muscle}   ρ = {f.rho:.2f}, r = {f.r:.2f}", fontsize=9, loc="left")
        ax.set_xticks(ticks, names if panel + columns >= len(show) else [""] * len(ticks), fontsize=8)
        ax.tick_params(axis="x", length=0)
        ax.spines[["top", "right", "bottom"]].set_visible(False)
    length, at_bottom = min(100.0, period_ms * 20), ax.get_xaxis_transform()
    ax.plot([0, length], [0, 0], color="black", linewidth=2, clip_on=False, transform=at_bottom)
    ax.annotate(
        f"{length:g} ms",
        (length / 2, 0),
        (0, 3),
        xycoords=at_bottom,
        textcoords="offset points",
        ha="center",
        fontsize=7,
    )
    figure.supylabel(f"{target_words(settings)} ({target_unit(settings)})", fontsize=9)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    return figure, [stack.clips[i] for i in chosen]


def _clip_errors(forecasts: dict[str, Forecast], stack: Stack) -> dict[int, float]:
    """Mean over muscles of the mean absolute error of each predicted clip."""
    first = next(iter(forecasts.values()))
    of = stack.clip[first.row]
    return {
        int(i): float(np.mean([np.abs(f.observed - f.predicted)[of == i].mean() for f in forecasts.values()]))
        for i in np.unique(of)
    }


def _spread(errors: dict[int, float], n: int) -> list[int]:
    """Pick n clips evenly from the smallest to the largest error."""
    order = sorted(errors, key=errors.__getitem__)
    at = np.unique(np.linspace(0, len(order) - 1, min(n, len(order))).round().astype(int))
    return [order[i] for i in at]
