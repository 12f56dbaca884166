"""Figures of the sweep over embeddings and horizons."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mimic_drawing import CYCLE, GREY, SEQUENTIAL, VERMILLION
from mimic_simplex.findings import Cell
from mimic_simplex.settings import SweepSettings
from mimic_simplex.texts import title


def heat_maps(cells: dict[str, list[Cell]], top: dict[str, Cell | None], settings: SweepSettings) -> Figure:
    """Spearman's rho over E and tau at each variable's best horizon."""
    columns = 2 if len(cells) == 4 else min(3, len(cells))
    rows = -(-len(cells) // columns)
    figure = Figure(figsize=(2.6 * columns + 1.0, 2.6 * rows + 0.4))
    axes = figure.subplots(rows, columns, squeeze=False)
    maps = {v: _map(found, top[v], settings) for v, found in cells.items()}
    finite = np.concatenate([m[np.isfinite(m)] for m in maps.values()] or [np.zeros(0)])
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    image = None
    for ax, (v, rho) in zip(axes.flat, maps.items(), strict=False):
        ax.add_patch(
            Rectangle(
                (0, 0), 1, 1, transform=ax.transAxes, facecolor="white", edgecolor=GREY, hatch="/////", linewidth=0
            )
        )
        image = ax.imshow(rho, origin="lower", aspect="auto", cmap=SEQUENTIAL, vmin=low, vmax=high, zorder=2)
        c = top[v]
        if c is not None:
            at = settings.tau.index(c.tau) - 0.5, settings.E.index(c.E) - 0.5
            ax.add_patch(Rectangle(at, 1, 1, fill=False, edgecolor=VERMILLION, linewidth=2, zorder=3))
        ahead = f"Tp = {c.Tp} ({1e3 * c.Tp / settings.rate_hz:g} ms)" if c else "no number"
        ax.set_title(f"{title(v)}\n{ahead}")
        ax.set_xticks(range(len(settings.tau)), settings.tau)
        every = max(1, -(-len(settings.E) // 12))
        ax.set_yticks(range(0, len(settings.E), every), settings.E[::every])
        ax.set_xlabel("delay τ (samples)")
        ax.set_ylabel("embedding dimension E")
        ax.spines[["top", "right"]].set_visible(True)
    for ax in axes.flat[len(maps) :]:
        ax.set_visible(False)
    figure.colorbar(image, ax=axes, label="Spearman's ρ, observed vs forecast", shrink=min(1.0, 1.4 / rows + 0.2))
    return figure


def _map(cells: list[Cell], top: Cell | None, settings: SweepSettings) -> np.ndarray:
    """(E, tau) rho at the best horizon."""
    rho = np.full((len(settings.E), len(settings.tau)), np.nan)
    for c in cells:
        if top is not None and c.Tp == top.Tp:
            rho[settings.E.index(c.E), settings.tau.index(c.tau)] = c.rho
    return rho


def horizons(cells: dict[str, list[Cell]], top: dict[str, Cell | None], settings: SweepSettings) -> Figure:
    """Spearman's rho over the horizon at each variable's best E and tau."""
    figure = Figure(figsize=(6.2, 3.4))
    ax = figure.subplots()
    for i, (v, found) in enumerate(cells.items()):
        c = top[v]
        if c is None:
            continue
        line = sorted((x.Tp, x.rho) for x in found if (x.E, x.tau) == (c.E, c.tau))
        ms = [1e3 * tp / settings.rate_hz for tp, _ in line]
        colour, marker = CYCLE[i % len(CYCLE)], "osD^vP*X"[i % 8]
        label = f"{title(v)} (E = {c.E}, τ = {c.tau})"
        ax.plot(ms, [rho for _, rho in line], color=colour, marker=marker, markersize=4, label=label)
    ax.set_xlabel("horizon Tp (ms)")
    ax.set_ylabel("Spearman's ρ, observed vs forecast")
    figure.legend(loc="outside right upper")
    return figure
