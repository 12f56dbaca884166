"""Figures of the latent analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from mimic_core import Rollouts
from mimic_drawing import BLACK, BLUE, CYCLE, GREEN, ORANGE, SEQUENTIAL, VERMILLION
from mimic_latent.components import layers_of
from mimic_latent.findings import Components
from mimic_latent.nulls import JOINTS, SHUFFLED, UNTRAINED, Nulls, first_three

_MOST = 12
"""Components drawn in the curve of variance."""
_MARKS = {UNTRAINED: (VERMILLION, "x"), SHUFFLED: (ORANGE, "_"), JOINTS: (GREEN, "+")}
"""null model → colour and mark"""


def variance(found: Sequence[Mapping[str, Components]], names: tuple[str, ...]) -> Figure:
    """Cumulative share of the variance of every layer."""
    figure = Figure(figsize=(5.2, 3.4))
    ax = figure.subplots()
    styles = ("-", (0, (5, 1.5)), (0, (1, 1)))
    for i, name in enumerate(names):
        n = min(_MOST, len(found[0][name].variance))
        curves = np.array([100 * np.cumsum(f[name].share[:n]) for f in found])
        colour, at = CYCLE[i % len(CYCLE)], np.arange(1, n + 1)
        if len(found) > 1:
            ax.fill_between(at, curves.min(axis=0), curves.max(axis=0), color=colour, alpha=0.15, linewidth=0)
        ax.plot(
            at,
            curves.mean(axis=0),
            color=colour,
            linestyle=styles[i // len(CYCLE) % 3],
            marker="o",
            markersize=3,
            label=name,
        )
    ax.axhline(90, color=BLACK, linewidth=0.6, linestyle=(0, (1, 2)))
    ax.set_xlabel("number of principal components")
    ax.set_ylabel("variance explained (%)")
    ax.set_ylim(0, 103)
    ax.set_xticks(range(1, _MOST + 1))
    figure.legend(loc="outside right upper")
    return figure


def beside_nulls(found: Sequence[Mapping[str, Components]], nulls: Sequence[Nulls], names: tuple[str, ...]) -> Figure:
    """Share of three components of every layer: a bar, and a mark for each null model."""
    figure = Figure(figsize=(max(4.4, 0.75 * len(names) + 1.8), 3.4))
    ax = figure.subplots()
    at = np.arange(len(names))
    ax.bar(at, [100 * first_three([f[n] for f in found]) for n in names], 0.6, color=BLUE, label="trained")
    for null, (colour, mark) in _MARKS.items():
        if any(null in f for f in nulls):
            values = [100 * first_three([f[null][n] for f in nulls if null in f]) for n in names]
            ax.plot(at, values, mark, color=colour, markersize=8, markeredgewidth=2, label=null)
    ax.set_xticks(at, names, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_ylim(0, 104)
    ax.set_ylabel("variance in three components (%)")
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def trajectories(rollouts: Rollouts, found: Mapping[str, Components], shown: tuple[str, ...], joint: str) -> Figure:
    """First three components of some layers, one line per clip, coloured by a joint's angle."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    columns = 2 if len(shown) == 4 else min(3, len(shown))
    n_rows = -(-len(shown) // columns)
    figure = Figure(figsize=(3.9 * columns + 0.8, 3.5 * n_rows))
    axes = figure.subplots(n_rows, columns, squeeze=False, subplot_kw={"projection": "3d"})
    degrees = np.rad2deg(rollouts.of("joint_pos", joint))
    colours = ScalarMappable(Normalize(np.nanmin(degrees), np.nanmax(degrees)), SEQUENTIAL)
    for i, ax in enumerate(axes.flat):
        if i < len(shown):
            _panel(ax, rollouts, shown[i], found[shown[i]], degrees, colours)
        else:
            ax.remove()
    figure.colorbar(colours, ax=figure.axes, shrink=0.6, pad=0.09, label=f"{joint} (deg)")
    return figure


def _panel(ax, rollouts: Rollouts, name: str, of: Components, degrees: np.ndarray, colours) -> None:
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    ax.set_title(name, pad=-2)
    if of.pca is None or len(of.variance) < 3:
        ax.text2D(0.5, 0.5, "never changes" if of.pca is None else "fewer than 3 units", ha="center")
        ax.set_axis_off()
        return
    drawn = []
    for c, n in enumerate(rollouts.n_steps):
        at = of.pca.transform(layers_of(rollouts)[name][c, 1:n].astype(float))[:, :3]
        drawn.append(at)
        segments = np.stack([at[:-1], at[1:]], axis=1)
        lines = Line3DCollection(segments, linewidths=0.7, rasterized=True)  # thousands of them
        lines.set_color(colours.to_rgba(degrees[c, : n - 1][:-1]))  # decided from the state one step before
        ax.add_collection3d(lines)
    points = np.concatenate(drawn)
    for k, axis in enumerate("xyz"):
        getattr(ax, f"set_{axis}lim")(points[:, k].min(), points[:, k].max())
        getattr(ax, f"set_{axis}label")(f"PC{k + 1} ({100 * of.share[k]:.1f} %)", labelpad=-8)
        getattr(ax, f"set_{axis}ticklabels")([])
    ax.tick_params(length=0)
    ax.set_box_aspect(None, zoom=0.92)


def similarity(found: Mapping[str, Mapping[str, np.ndarray]], names: tuple[str, ...], who: tuple[str, ...]) -> Figure:
    """Heat maps of similarity between rollouts: a column per layer, a row per measure."""
    title = {"cka": "linear CKA", "procrustes": "Procrustes"}
    side = max(1.5, 0.32 * len(who) + 0.6)
    figure = Figure(figsize=(side * len(names) + 1.8, side * len(found) + 1.7))
    axes = figure.subplots(len(found), len(names), squeeze=False, sharex=True, sharey=True)
    for row, (measure, of) in zip(axes, found.items(), strict=True):
        row[0].set_ylabel(title[measure])
        for ax, name in zip(row, names, strict=True):
            image = ax.imshow(of[name], vmin=0, vmax=1, cmap=SEQUENTIAL)
            mean = of[name][np.tril_indices(len(who), -1)].mean()
            ax.set_title(f"{name}\nmean {mean:.2f}", fontsize=8)
            ax.spines[:].set_visible(False)
            ax.tick_params(length=0)
            ax.set_xticks(range(len(who)), who, rotation=90)
            ax.set_yticks(range(len(who)), who)
    figure.colorbar(image, ax=axes, shrink=0.7, label="similarity (0 to 1)")
    return figure
