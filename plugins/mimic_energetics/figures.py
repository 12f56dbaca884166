"""Figures of the energetics analysis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mimic_drawing import BLACK, BLUE, ORANGE, SKY, VERMILLION
from mimic_energetics.findings import Energetics
from mimic_energetics.varied import Varied
from mimic_sensitivity import Spread
from mimic_statistics import mean_and_sem, mean_interval

_PREFIXES = ((1.0, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n"))


def _fitting(largest: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which a quantity's largest value is at least 1."""
    for factor, prefix in _PREFIXES:
        if largest * factor >= 1.0:
            return factor, prefix + unit
    return 1.0, unit


def work(found: list[Energetics], what: str, varied: Varied | None = None) -> Figure:
    """Bars of positive and negative work, and in a panel of its own the metabolic energy."""
    names = found[0].names
    panels = 1 + (found[0].metabolic is not None)
    figure = Figure(figsize=(max(4.2, 0.55 * len(names) + 1.6), 2.4 * panels + 0.7))
    axes = figure.subplots(panels, 1, squeeze=False, sharex=True)[:, 0]
    kinds = {"positive": BLUE, "negative": SKY}
    factor, unit = _fitting(max(np.abs(f.work.positive.mean(axis=0)).max() for f in found), "J")
    for kind, colour in kinds.items():
        _bars(axes[0], [factor * getattr(f.work, kind) for f in found], colour, f"{kind} work")
        _whiskers(axes[0], varied, kind, [getattr(f.work, kind) for f in found], factor)
    axes[0].axhline(0, color=BLACK, linewidth=0.8)
    axes[0].set_ylabel(f"work per reach ({unit})")
    axes[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3)
    if panels > 1:
        factor, unit = _fitting(max(f.metabolic.mean(axis=0).max() for f in found), "J")
        _bars(axes[1], [factor * f.metabolic for f in found], ORANGE, "")
        _whiskers(axes[1], varied, "metabolic", [f.metabolic for f in found], factor)
        still = np.mean([factor * f.held_still.mean(axis=0) for f in found], axis=0)
        axes[1].plot(range(len(names)), still, "_", color=BLACK, markersize=14, label="the same activity, held still")
        axes[1].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2)
        axes[1].set_ylabel(f"metabolic energy\nper reach ({unit})")
    axes[-1].set_xticks(range(len(names)), names, rotation=35, ha="right", rotation_mode="anchor")
    figure.align_ylabels(axes)
    return figure


def _bars(ax, values: list[np.ndarray], colour: str, label: str) -> None:
    """Bars of (clip, muscle) values; whiskers over rollouts, or over the clips of the only ones."""
    samples = np.array([v.mean(axis=0) for v in values]) if len(values) > 1 else values[0]
    of = [mean_interval(column) for column in samples.T]
    mean = np.array([m["mean"] for m in of])
    reach = np.array([m.get("high", m["mean"]) - m["mean"] for m in of])
    ax.bar(range(len(mean)), mean, 0.62, color=colour, label=label)
    ax.errorbar(range(len(mean)), mean, reach, fmt="none", ecolor=BLACK, capsize=2.5, linewidth=1)


def _whiskers(ax, varied: Varied | None, quantity: str, values: list[np.ndarray], factor: float) -> None:
    """Beside the bars of (clip, muscle) values, J, what other muscle parameters would make of them."""
    if varied is None or (spread := varied.bar(quantity)) is None:
        return
    middle, half = spread.bar(np.mean([v.mean(axis=0) for v in values], axis=0))
    label = "other muscle parameters" if quantity != "negative" else None
    look = {"fmt": "D", "color": VERMILLION, "markersize": 3.5, "capsize": 2.5, "linewidth": 1.2}
    ax.errorbar(np.arange(len(middle)) + 0.41, factor * middle, factor * half, label=label, **look)


def power(found: list[Energetics], rate_hz: float, what: str, varied: Varied | None = None) -> Figure:
    """Mean ± SEM over reaches of the total power, for as long as half of them last."""
    figure = Figure(figsize=(5.0, 3.2))
    ax = figure.subplots()
    mechanical = [f.work.power.sum(axis=2) for f in found]
    curves = [("mechanical power", BLUE, _stack(mechanical), 0.0)]
    if found[0].metabolic_power is not None:
        heat = _stack([f.metabolic_power.sum(axis=2) for f in found])
        curves.append(("metabolic power", VERMILLION, heat, 0.5))  # of a step, between two instants
    factor, unit = _fitting(max(np.nanmax(np.abs(np.nanmean(c, axis=0))) for *_, c, _ in curves), "W")
    for label, colour, values, shift in curves:
        ms = 1e3 * (np.arange(values.shape[1]) + shift) / rate_hz
        mean, sem = mean_and_sem(factor * values)
        ax.fill_between(ms, mean - sem, mean + sem, color=colour, alpha=0.25, linewidth=0)
        ax.plot(ms, mean, color=colour, label=label)
        if varied is not None and (kind := label.split()[0]) in varied.power:
            spread = varied.power[kind]
            n = min(len(mean), len(spread.mean))
            for end in Spread(*(factor * a[:n] for a in (spread.unchanged, spread.mean, spread.sd))).around(mean[:n]):
                ax.plot(ms[:n], end, color=colour, linewidth=0.9, linestyle=(0, (4, 2)))
    if varied is not None and varied.power:
        ax.plot([], [], color=BLACK, linewidth=0.9, linestyle=(0, (4, 2)), label="other muscle parameters")
    ax.axhline(0, color=BLACK, linewidth=0.8)
    ax.set_xlabel("time (ms)")
    ax.set_ylabel(f"power of all {what}s ({unit})")
    ax.legend(loc="upper left", bbox_to_anchor=(0.0, 1.2), ncols=2)
    return figure


def _stack(parts: list[np.ndarray]) -> np.ndarray:
    """(reach, step) of all rollouts, shorter ones filled with NaN."""
    longest = max(p.shape[1] for p in parts)
    return np.concatenate([np.pad(p, ((0, 0), (0, longest - p.shape[1])), constant_values=np.nan) for p in parts])
