"""Figure of the frontier analysis."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mimic_drawing import BLACK, CYCLE, GREY
from mimic_frontier.findings import Knee, Point
from mimic_frontier.names import label
from mimic_frontier.points import lines_of
from mimic_frontier.settings import Settings

_MARKERS = "osD^vP"


def frontier(
    points: Sequence[Point],
    knees: Sequence[Knee],
    metrics: Sequence[str],
    levels: Mapping[str, Mapping[str, float]],
    settings: Settings,
) -> Figure:
    """A panel for every metric against the cost, and one of reward against high frequencies."""
    n = len(metrics) + bool(knees)
    columns = n if n < 4 else -(-n // 2)
    rows = -(-n // columns)
    figure = Figure(figsize=(3.2 * columns + 0.3, 2.7 * rows + 0.5), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    axes = figure.subplots(rows, columns, squeeze=False).flat
    for ax in axes[n:]:
        ax.set_visible(False)
    lines = lines_of(points)
    for ax, metric in zip(axes, metrics, strict=False):
        _against_cost(ax, lines, metric)
        _null_lines(ax, levels.get(metric, {}))
        ax.set_ylabel(label(metric))
        ax.set_xlabel(_cost_label(settings))
    if knees:
        _plane(axes[n - 1], lines, knees, settings)
    if len(lines) > 1:
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=min(len(lines), 4))
    return figure


def _cost_label(settings: Settings) -> str:
    known = re.fullmatch(r"rewards\.(\w+)\.weight", settings.cost)
    return f"weight of {known[1]} cost (1)" if known else settings.cost


def _style(i: int) -> dict:
    return {"color": CYCLE[i % len(CYCLE)], "marker": _MARKERS[i % len(_MARKERS)], "markersize": 4}


def _against_cost(ax: Axes, lines: dict[str, list[Point]], metric: str) -> None:
    costs = sorted({p.cost for line in lines.values() for p in line})
    apart = 0.012 * (costs[-1] - costs[0])  # side by side, so that intervals do not hide one another
    for i, (name, line) in enumerate(lines.items()):
        there = [p for p in line if p.mean(metric)]
        x = np.array([p.cost for p in there]) + apart * (i - (len(lines) - 1) / 2)
        for at, p in zip(x, there, strict=True):
            seeds = list(p.by_seed[metric].values())
            ax.plot([at] * len(seeds), seeds, ".", color=CYCLE[i % len(CYCLE)], alpha=0.3, markersize=3)
        means = [p.mean(metric) for p in there]
        bars = [m.ci95 or 0.0 for m in means]
        ax.errorbar(x, [m.mean for m in means], yerr=bars, capsize=2, label=name or None, **_style(i))


def _null_lines(ax: Axes, levels: Mapping[str, float]) -> None:
    """A line for each null model, with its name at the right end."""
    for name, level in levels.items():
        ax.axhline(level, color=BLACK, linewidth=0.9, linestyle=":")
        place = ax.get_yaxis_transform()
        ax.text(0.99, level, name, transform=place, ha="right", va="bottom", fontsize=7, color=BLACK)


def _plane(ax: Axes, lines: dict[str, list[Point]], knees: Sequence[Knee], settings: Settings) -> None:
    for i, ((_, line), knee) in enumerate(zip(lines.items(), knees, strict=True)):
        there = [p for p in line if p.mean(settings.reward) and p.mean(settings.high_frequency)]
        if not there:
            continue
        h, r = ([p.mean(m) for p in there] for m in (settings.high_frequency, settings.reward))
        at, up = np.array([m.mean for m in h]), np.array([m.mean for m in r])
        spread = {"xerr": [m.ci95 or 0.0 for m in h], "yerr": [m.ci95 or 0.0 for m in r]}
        ax.errorbar(at, up, **spread, elinewidth=0.6, **_style(i))
        if knee.point is not None:
            colour = BLACK if knee.clear else GREY
            k = there.index(knee.point)
            ax.plot(at[[0, -1]], up[[0, -1]], color=CYCLE[i % len(CYCLE)], linestyle="--", linewidth=0.8)
            ax.plot(at[k], up[k], "o", markersize=11, markerfacecolor="none", markeredgecolor=colour)
        if i == 0:
            for p, x, y in zip(there, at, up, strict=True):
                ax.annotate(f"{p.cost:g}", (x, y), (-4, 4), textcoords="offset points", ha="right", fontsize=7)
    ax.margins(x=0.12)
    ax.set_xlabel(label(settings.high_frequency))
    ax.set_ylabel(label(settings.reward))
