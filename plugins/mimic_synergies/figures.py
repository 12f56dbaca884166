"""Figures of the synergy analysis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mimic_drawing import BLACK, BLUE, CYCLE, GREEN, GREY, ORANGE, SEQUENTIAL, VERMILLION
from mimic_synergies.findings import Curve, Synergies
from mimic_synergies.nulls import NOISE, TIME, TRIALS

STYLES = {TIME: (GREY, (0, (1, 1))), TRIALS: (ORANGE, (0, (3, 1, 1, 1))), NOISE: (GREEN, (0, (5, 1.5)))}
"""null model → colour and line"""


def vaf(curves: list[Curve], enough: float, shown: int) -> Figure:
    """Variance accounted for against the number of synergies."""
    figure = Figure(figsize=(4.6, 3.3))
    ax = figure.subplots()
    for label, values, colour, style in (
        ("all clips", [c.vaf for c in curves], BLUE, "-"),
        ("held-out clips", [c.held_out for c in curves], VERMILLION, (0, (5, 1.5))),
        *((k, [c.nulls[k] for c in curves], colour, line) for k, (colour, line) in STYLES.items()),
    ):
        found = 100 * np.array(values)
        if np.isnan(found).all():
            continue
        at = np.arange(1, found.shape[1] + 1)
        if len(found) > 1:
            ax.fill_between(at, found.min(axis=0), found.max(axis=0), color=colour, alpha=0.2, linewidth=0)
        ax.plot(at, found.mean(axis=0), color=colour, linestyle=style, marker="o", markersize=3.5, label=label)
    ax.axhline(100 * enough, color=BLACK, linewidth=0.7, linestyle=(0, (1, 2)))
    ax.axvline(shown, color=BLACK, linewidth=0.7, linestyle=(0, (1, 2)))
    ax.set_xticks(range(1, len(curves[0].fits) + 1))
    ax.set_xlabel("number of synergies")
    ax.set_ylabel("variance accounted for (%)")
    ax.set_ylim(top=100.8)
    ax.legend(loc="lower right")
    return figure


def weights(chosen: list[Synergies], muscles: tuple[str, ...], who: tuple[str, ...]) -> Figure:
    """Bars of the weights, a panel per synergy; dots for each of several rollouts."""
    n = len(chosen[0].weights)
    figure = Figure(figsize=(max(3.6, 0.45 * len(muscles) + 1.2), 1.15 * n + 1.0))
    axes = figure.subplots(n, 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    every = np.array([s.weights for s in chosen])
    for k, ax in enumerate(axes):
        ax.bar(range(len(muscles)), every[:, k].mean(axis=0), 0.7, color=CYCLE[k % len(CYCLE)])
        if len(chosen) > 1:
            for one, shift in zip(every[:, k], np.linspace(-0.25, 0.25, len(chosen)), strict=True):
                at = np.arange(len(muscles)) + shift
                ax.plot(at, one, "o", color=BLACK, markersize=2.5, markeredgewidth=0)
        ax.set_title(f"synergy {k + 1}")
    axes[-1].set_xticks(range(len(muscles)), muscles, rotation=35, ha="right", rotation_mode="anchor")
    axes[0].set_ylim(0, 1.02)
    figure.supylabel("weight (1)", fontsize=9)
    return figure


def time_courses(courses: np.ndarray, rate_hz: float) -> Figure:
    """Mean ± SD over clips (clip, step, synergy), for as long as half the clips last."""
    n = courses.shape[2]
    lasting = np.isfinite(courses[..., 0]).sum(axis=0) >= max(1, len(courses) / 2)
    columns = min(3, n)
    rows = -(-n // columns)
    figure = Figure(figsize=(2.6 * columns + 0.5, 1.8 * rows + 0.6))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    ms = 1e3 * np.arange(courses.shape[1])[lasting] / rate_hz
    for k, ax in enumerate(axes.flat):
        ax.set_visible(k < n)
        if k >= n:
            continue
        mean, sd = np.nanmean(courses[:, lasting, k], axis=0), np.nanstd(courses[:, lasting, k], axis=0)
        colour = CYCLE[k % len(CYCLE)]
        ax.fill_between(ms, np.maximum(mean - sd, 0), mean + sd, color=colour, alpha=0.25, linewidth=0)
        ax.plot(ms, mean, color=colour)
        ax.set_title(f"synergy {k + 1}")
        ax.tick_params(labelbottom=n - columns <= k)
    axes.flat[0].set_ylim(bottom=0)
    figure.supxlabel("time (ms)", fontsize=9)
    figure.supylabel("activity of the synergy (1)", fontsize=9)
    return figure


def matches(cosines: np.ndarray, who: tuple[str, ...]) -> Figure:
    """Heat map of the mean cosine between rollouts."""
    side = max(2.4, 0.45 * len(who) + 1.0)
    figure = Figure(figsize=(side + 1.4, side + 0.2))
    ax = figure.subplots()
    image = ax.imshow(cosines, vmin=0, vmax=1, cmap=SEQUENTIAL)
    for i, j in np.ndindex(*cosines.shape):
        dark = cosines[i, j] < 0.6
        ax.text(j, i, f"{cosines[i, j]:.2f}", ha="center", va="center", color="white" if dark else BLACK, fontsize=8)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks(range(len(who)), who, rotation=90)
    ax.set_yticks(range(len(who)), who)
    figure.colorbar(image, ax=ax, shrink=0.8, label="mean cosine (0 to 1)")
    return figure
