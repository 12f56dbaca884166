"""Figures of the simplex analysis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from mimic_drawing import BLACK, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION
from mimic_simplex.findings import Forecast
from mimic_simplex.neighbours import Stack
from mimic_simplex.nulls import LINEAR, MEAN_COURSE, OTHER_TRIAL, OWN_PAST, PERSISTENCE, SHUFFLED, Beside
from mimic_simplex.settings import Settings
from mimic_simplex.texts import source_words, target_unit, target_words

LOOKS = {
    PERSISTENCE: {"marker": "s", "color": BLACK},
    MEAN_COURSE: {"marker": "D", "color": VERMILLION},
    LINEAR: {"marker": "^", "color": ORANGE},
    OWN_PAST: {"marker": "v", "color": GREEN},
    OTHER_TRIAL: {"marker": "o", "color": PINK},
    SHUFFLED: {"marker": "x", "color": GREY},
}
"""How each null model is drawn."""


def bars(rho: Mapping[str, float], beside: dict[str, dict[str, Beside]], settings: Settings) -> Figure:
    """Spearman's rho of each muscle as a bar, and that of each null model as a mark on it."""
    names = list(rho)
    x = np.arange(len(names))
    figure = Figure(figsize=(max(5.6, 0.95 * len(names) + 1.5), 4.0))
    ax = figure.subplots()
    height = np.array([rho[m] for m in names], float)
    ax.bar(x, height, 0.8, color=SKY, label=f"simplex, from {source_words(settings)}", zorder=1)
    ends = [0.0, *height]
    for i, (name, of) in enumerate(beside.items()):
        values = np.array([of[m].rho for m in names], float)
        sd = np.array([of[m].rho_sd for m in names], float)
        at = x + (i - (len(beside) - 1) / 2) * 0.115
        ax.errorbar(
            at, values, np.where(sd > 0, sd, np.nan), linestyle="none", markersize=5, elinewidth=0.9, label=name,
            zorder=2, **LOOKS[name],
        )  # fmt: skip
        ends += [*(values - sd)]
    for i, v in enumerate(height):
        text = f"{v:.2f}" if np.isfinite(v) else "constant"
        ax.annotate(text, (x[i], 0), (0, 2), ax.get_xaxis_transform(), "offset points", ha="center", fontsize=8)
    ax.axhline(0, color="black", linewidth=0.8)
    crowded = max(map(len, names)) * len(names) > 40
    ax.set_xticks(x, names, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    ax.set_ylim(max(-1.0, min(v - 0.1 for v in ends if np.isfinite(v))), 1.05)
    ax.set_ylabel("Spearman's ρ, observed vs forecast")
    ahead_ms = 1e3 * settings.Tp / settings.rate_hz
    ax.set_title(f"Forecast of {target_words(settings)} {ahead_ms:g} ms ahead")
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
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
