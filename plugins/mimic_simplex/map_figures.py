"""Figures of S-map and cross mapping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mimic_drawing import BLUE, GREY, VERMILLION
from mimic_simplex.figures import LOOKS
from mimic_simplex.findings import CrossMap, Nonlinearity
from mimic_simplex.settings import SMapSettings
from mimic_simplex.texts import title

_VERDICTS = {"nonlinear": "nonlinear", "not shown": "nonlinearity not shown", "undecided": "undecided"}


def theta_curves(found: dict[str, Nonlinearity], nulls: dict[str, dict[str, float]], settings: SMapSettings) -> Figure:
    """Spearman's rho over theta of each variable, its verdict as title, and its null models at the right."""
    columns = min(3, len(found))
    rows = -(-len(found) // columns)
    figure = Figure(figsize=(2.9 * columns + 0.6, 2.4 * rows + 0.9))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax in axes.flat[len(found) :]:
        ax.set_visible(False)
    names = list(next(iter(nulls.values())))
    right = max(settings.theta) * (1.08 + 0.07 * np.arange(len(names)))
    for ax, (v, f) in zip(axes.flat, found.items(), strict=False):
        ax.plot(settings.theta, f.rho, color=BLUE, marker="o", markersize=3.5, label="S-map")
        for at, name in zip(right, names, strict=True):
            ax.plot(at, nulls[v][name], markersize=5, linestyle="none", label=name, **LOOKS[name])
        ax.set_title(f"{title(v)}\n{_VERDICTS[f.verdict]}", fontsize=9)
    lowest = [x for v, f in found.items() for x in (*f.rho, *nulls[v].values()) if np.isfinite(x)]
    axes.flat[0].set_ylim(min(0.0, *lowest) - 0.05, 1.05)
    for ax in axes[-1]:
        ax.set_xlabel("locality θ (1)")
        ax.set_xticks([t for t in ax.get_xticks() if 0 <= t <= max(settings.theta)])
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    figure.supylabel("Spearman's ρ, observed vs forecast", fontsize=9)
    return figure


def convergence(pairs: Sequence[tuple[str, str]], found: dict[tuple[str, str], CrossMap]) -> Figure:
    """Cross mapping of each pair over library size, both ways, beside both surrogates."""
    columns = min(4, len(pairs))
    rows = -(-len(pairs) // columns)
    figure = Figure(figsize=(2.5 * columns + 0.5, 2.5 * rows + 0.4))
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for ax in axes.flat[len(pairs) :]:
        ax.set_visible(False)
    for ax, (a, b) in zip(axes.flat, pairs, strict=False):
        for m, colour, marker in ((found[a, b], BLUE, "o"), (found[b, a], VERMILLION, "s")):
            mean = m.rho.mean(1)
            half = np.abs(np.quantile(m.rho, (0.025, 0.975), axis=1) - mean)
            label = f"{title(m.mapped)} from {title(m.library)}"
            ax.errorbar(m.sizes, mean, half, color=colour, marker=marker, markersize=4, capsize=2, label=label)
            for values, shift, filled in ((m.surrogate, 0.04, "white"), (m.drive, 0.1, colour)):
                level, high = values.mean(), np.quantile(values, 0.95)
                at = m.sizes[-1] + (shift + (0.02 if colour == BLUE else 0.0)) * m.sizes[-1]
                ax.errorbar(
                    at, level, [[0], [high - level]], color=colour, marker="D", markersize=4.5, capsize=3,
                    markerfacecolor=filled, linestyle="none",
                )  # fmt: skip
        ax.set_ylim(min(0.0, ax.get_ylim()[0]), max(1.0, ax.get_ylim()[1]))
        ax.legend(loc="upper left", bbox_to_anchor=(0, 1.28), fontsize=7, handlelength=1.2)
    marks = [
        Line2D([], [], color=GREY, marker="D", markersize=4.5, markerfacecolor=filled, linestyle="none", label=label)
        for filled, label in (("white", "other trial, same time"), (GREY, "shared drive kept"))
    ]
    figure.legend(handles=marks, loc="outside lower right", ncols=2, fontsize=8)
    figure.supxlabel("library (clips)", fontsize=9)
    figure.supylabel("Spearman's ρ, observed vs mapped", fontsize=9)
    return figure
