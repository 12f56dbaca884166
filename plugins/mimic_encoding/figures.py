"""Figures of the encoding analysis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mimic_drawing import BLACK, BLUE, DIVERGING, GREY, ORANGE, SKY, VERMILLION
from mimic_encoding.find import TIME, TRIAL, Found


def score(found: Found) -> Figure:
    """A dot for each neuron and source, their mean, and the null models."""
    names = found.ranked
    figure = Figure(figsize=(6.4, 0.42 * len(names) + 1.6))
    ax = figure.subplots()
    rng = np.random.default_rng(0)
    at = np.arange(len(names))[::-1]
    for y, name in zip(at, names, strict=True):
        values = 100 * found.score[name]
        ax.plot(values, y + rng.uniform(-0.22, 0.22, len(values)), ".", color=SKY, markersize=3.5)
        low, high = found.over_trials[name]
        ax.plot([100 * low, 100 * high], [y, y], color=BLUE, linewidth=2)
    kinds = {
        "source, mean (bar: 95 % over trials)": (BLUE, "D", [found.score[n].mean() for n in names]),
        TRIAL: (ORANGE, "s", [found.nulls[n][TRIAL].mean() for n in names]),
        TIME: (GREY, "o", [found.nulls[n][TIME].mean() for n in names]),
    }
    for label, (colour, marker, values) in kinds.items():
        ax.plot(100 * np.array(values), at, marker, color=colour, markersize=5, linestyle="none", label=label)
    ax.axvline(100 * found.course.mean(), color=VERMILLION, linestyle=(0, (5, 1.5)), label="mean course")
    ax.axvline(0, color=BLACK, linewidth=0.7)
    ax.set_yticks(at, names)
    everything = np.concatenate([100 * v for v in found.score.values()])
    ax.set_xlim(left=max(-25.0, min(-5.0, float(np.percentile(everything, 1)))))
    ax.set_xlabel(f"{'deviance' if found.counts else 'variance'} explained, unseen trials (%)")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def pairs(found: Found) -> Figure:
    """How much better the source of a row is than that of a column."""
    names = found.ranked
    matrix = np.array([[0.0 if a == b else 100 * found.better[a, b][0] for b in names] for a in names])
    n = len(names)
    figure = Figure(figsize=(0.62 * n + 2.4, 0.5 * n + 1.8))
    ax = figure.subplots()
    size = max(float(np.abs(matrix).max()), 1e-9)
    image = ax.imshow(matrix, cmap=DIVERGING, vmin=-size, vmax=size)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if a != b:
                _, low, high, _ = found.better[a, b]
                apart = "*" if low > 0 or high < 0 else ""
                dark = abs(matrix[i, j]) > 0.6 * size
                ax.text(
                    *(j, i, f"{matrix[i, j]:.1f}{apart}"),
                    **{"ha": "center", "va": "center", "fontsize": 6.5, "color": "white" if dark else "black"},
                )
    ax.set_xticks(range(n), names, rotation=40, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(n), names)
    figure.colorbar(image, label="row − column (percentage points)")
    return figure


def similarity(found: Found) -> Figure:
    """ρ of each source with the neurons, between its null model and the noise ceiling."""
    alike = found.alike
    assert alike is not None
    names = sorted(alike.rho, key=lambda n: -alike.rho[n])
    figure = Figure(figsize=(6.4, 0.4 * len(names) + 1.5))
    ax = figure.subplots()
    at = np.arange(len(names))[::-1]
    ax.axvspan(alike.low, alike.high, color=GREY, alpha=0.35, linewidth=0, label="noise ceiling")
    ax.barh(at, [alike.rho[n] for n in names], 0.6, color=BLUE, label="source")
    shifted = [alike.shifted[n] for n in names]
    ax.plot(shifted, at, "|", color=ORANGE, markersize=13, markeredgewidth=2, label="shifted in time, 95th percentile")
    ax.axvline(0, color=BLACK, linewidth=0.7)
    ax.set_yticks(at, names)
    ax.set_xlabel("Spearman's ρ of distances between instants")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure
