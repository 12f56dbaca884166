"""Figures of S-map and cross mapping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mimic_core.analysis import BLUE, CYCLE, VERMILLION
from mimic_simplex.findings import CrossMap, Nonlinearity
from mimic_simplex.settings import SMapSettings
from mimic_simplex.texts import title

_VERDICTS = {"nonlinear": "nonlinear", "not shown": "nonlinearity not shown", "undecided": "undecided"}


def theta_curves(found: dict[str, Nonlinearity], settings: SMapSettings) -> Figure:
    """Spearman's rho over theta, one line for each variable, its verdict in the legend."""
    figure = Figure(figsize=(7.2, 3.4))
    ax = figure.subplots()
    for i, (v, f) in enumerate(found.items()):
        colour, marker = CYCLE[i % len(CYCLE)], "osD^vP*X"[i % 8]
        ax.plot(
            settings.theta,
            f.rho,
            color=colour,
            marker=marker,
            markersize=4,
            label=f"{title(v)}: {_VERDICTS[f.verdict]}",
        )
    ax.set_xlabel("locality θ (1)")
    ax.set_ylabel("Spearman's ρ, observed vs forecast")
    figure.legend(loc="outside right upper")
    return figure


def convergence(pairs: Sequence[tuple[str, str]], found: dict[tuple[str, str], CrossMap]) -> Figure:
    """Cross mapping of each pair over library size, both ways, beside the surrogate."""
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
            level, high = m.surrogate.mean(), np.quantile(m.surrogate, 0.95)
            ax.errorbar(
                m.sizes[-1], level, [[0], [high - level]], color=colour, marker="_", markersize=12, capsize=3, alpha=0.7
            )
            ax.axhline(level, color=colour, linestyle=(0, (4, 2)), linewidth=0.9, alpha=0.7)
        ax.set_ylim(min(0.0, ax.get_ylim()[0]), max(1.0, ax.get_ylim()[1]))
        ax.legend(loc="upper left", bbox_to_anchor=(0, 1.28), fontsize=7, handlelength=1.2)
    figure.supxlabel("library (clips)", fontsize=9)
    figure.supylabel("Spearman's ρ, observed vs mapped", fontsize=9)
    return figure
