"""Figures of the inverse analysis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mimic_drawing import BLACK, BLUE, CYCLE, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION
from mimic_inverse.agreement import mean_course
from mimic_inverse.findings import Found
from mimic_sensitivity import PARAMETERS
from mimic_static_optimisation import SOLUTIONS

_STYLES = {"squared": (BLUE, "-"), "cubed": (SKY, (0, (4, 1.5))), "dynamic": (GREEN, "-")}
_MICRO = 1e6
_COLUMNS = 3


def _panels(names: tuple[str, ...], height: float, **shared: bool) -> tuple[Figure, list]:
    columns = 2 if len(names) == 4 else min(_COLUMNS, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(2.7 * columns + 0.6, height * rows + 0.8))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, **shared)
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < len(names))
        if len(names) - columns <= i < len(names):
            ax.tick_params(labelbottom=True)
    for ax, name in zip(axes.flat, names, strict=False):
        ax.set_title(name)
    return figure, list(axes.flat)


def _ms(found: Found) -> np.ndarray:
    return 1e3 * np.arange(int(found.movement.n_frames.max())) / found.movement.rate_hz


def activation(found: Found) -> Figure:
    """Feasible range, solutions, controller and EMG of every muscle over time."""
    figure, axes = _panels(found.muscles, 1.7, sharey=True)
    ms, course = _ms(found), lambda a: mean_course(found.movement.by_clip(a))
    low, high = course(found.feasible.low), course(found.feasible.high)
    curves = [(SOLUTIONS[k], *_STYLES[k], course(s.activation)) for k, s in found.solutions.items()]
    if found.beside is not None:
        curves.append(("controller", VERMILLION, "-", course(found.beside.activation)))
    emg = {r.muscle: r for r in found.recorded}
    bars = {SOLUTIONS.get(k, k): spread for k, spread in found.bars.items()}
    for i, (ax, muscle) in enumerate(zip(axes, found.muscles, strict=False)):
        ax.fill_between(ms, low[:, i], high[:, i], color=GREY, alpha=0.18, linewidth=0, label="feasible")
        for label, colour, line, values in curves:
            ax.plot(ms, values[:, i], color=colour, linestyle=line, label=label)
            n = len(bars[label].mean) if label in bars else 0
            for end in bars[label].around(values[:n]) if n else ():
                ax.plot(ms[:n], end[:, i], color=colour, linewidth=0.9, linestyle=(0, (1, 1.2)))
        if muscle in emg:
            ax.plot(1e3 * emg[muscle].time, emg[muscle].mean, color=BLACK, label="EMG")
        ax.set_ylim(0, 1)
        ax.set_xlim(ms[0], ms[-1])
    figure.supxlabel("time after start of clip (ms)")
    figure.supylabel("activation (EMG: share of reference)")
    known = {label: line for ax in axes for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    figure.legend(known.values(), known.keys(), loc="outside upper right", ncols=len(known))
    return figure


def torque(found: Found) -> Figure:
    """What the movement needs at every joint over time, and what muscles give."""
    figure, axes = _panels(found.joints, 2.1, sharey=True)
    ms, load = _ms(found), found.load
    given = np.einsum("fjm,fm->fj", load.gain, found.compared.activation) + load.passive
    needed = _MICRO * found.movement.by_clip(load.torque)
    mean = mean_course(needed)
    there = np.isfinite(needed)
    n = np.maximum(there.sum(axis=0), 1)
    spread = np.sqrt(np.where(there, (needed - mean) ** 2, 0.0).sum(axis=0) / n)
    parts = {
        "muscles": (VERMILLION, "-", given),
        "holding": (BLUE, (0, (4, 1.5)), load.holding),
        "damping": (GREEN, (0, (1.5, 1.5)), load.damping),
    }
    for j, (ax, _) in enumerate(zip(axes, found.joints, strict=False)):
        ax.axhline(0, color=GREY, linewidth=0.6)
        ax.fill_between(ms, mean[:, j] - spread[:, j], mean[:, j] + spread[:, j], color=BLACK, alpha=0.15, linewidth=0)
        ax.plot(ms, mean[:, j], color=BLACK, label="needed")
        for label, (colour, line, values) in parts.items():
            curve = mean_course(_MICRO * found.movement.by_clip(values))
            ax.plot(ms, curve[:, j], color=colour, linestyle=line, label=label)
        ax.set_xlim(ms[0], ms[-1])
    figure.supxlabel("time after start of clip (ms)")
    figure.supylabel("torque (µN·m)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
    return figure


def infeasible(found: Found) -> Figure:
    """Share of the clips that are infeasible, over time."""
    figure = Figure(figsize=(4.6, 2.6))
    ax, ms = figure.subplots(), _ms(found)
    for name, s in found.solutions.items():
        colour, line = _STYLES[name]
        shares = mean_course(found.movement.by_clip(100.0 * ~s.feasible[:, None]))
        ax.plot(ms, shares[:, 0], color=colour, linestyle=line, label=SOLUTIONS[name])
    ax.set_ylim(0, 100)
    ax.set_xlim(ms[0], ms[-1])
    ax.set_xlabel("time after start of clip (ms)")
    ax.set_ylabel("infeasible frames (%)")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=len(found.solutions))
    return figure


def controller(found: Found) -> Figure:
    """MAE and R² of every solution and null model beside the controller, by muscle."""
    assert found.beside is not None
    names, colours = list(found.beside.agreement), {k: c for k, (c, _) in _STYLES.items()}
    nulls = dict(zip([n for n in names if n not in colours], (BLACK, ORANGE, PINK), strict=False))
    figure = Figure(figsize=(max(5.0, 0.75 * len(found.muscles) + 1.2), 5.0))
    axes = figure.subplots(2, 1, sharex=True)
    width = 0.8 / len(names)
    for k, name in enumerate(names):
        a = found.beside.agreement[name]
        at = np.arange(len(found.muscles)) + (k - (len(names) - 1) / 2) * width
        colour = colours.get(name) or nulls[name]
        look = {"linestyle": "none", "marker": "o", "color": colour, "markersize": 5}
        look |= {"markerfacecolor": "none"} if name in nulls else {}
        axes[0].plot(at, a.mae, label=SOLUTIONS.get(name, name), **look)
        axes[1].plot(at, a.r2, **look)
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1)
    axes[0].set_ylabel("mean absolute difference\nfrom the controller")
    axes[1].set_ylabel("controller's variance\nexplained (R²)")
    axes[1].set_xticks(range(len(found.muscles)), found.muscles, rotation=35, ha="right", rotation_mode="anchor")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


def sensitivity(found: Found) -> Figure:
    """Mean activation and positive work of every muscle in bodies with other muscles."""
    figure = Figure(figsize=(max(5.0, 0.75 * len(found.muscles) + 1.2), 5.2))
    axes = figure.subplots(2, 1, sharex=True)
    width = 0.8 / len(found.varied)
    for k, (parameter, v) in enumerate(found.varied.items()):
        assert v.unchanged is not None
        at = np.arange(len(found.muscles)) + (k - (len(found.varied) - 1) / 2) * width
        colour = BLACK if parameter == "all" else CYCLE[k]
        pairs = ((v.activation, v.unchanged.activation), (v.work_uJ, v.unchanged.work_uJ))
        for ax, (values, one) in zip(axes, pairs, strict=True):
            whisker = values.std(axis=0, ddof=min(1, len(values) - 1))
            ax.errorbar(at, values.mean(axis=0), whisker, fmt="o", color=colour, markersize=4, capsize=2, linewidth=1)
            ax.hlines(one[0], at - width / 2, at + width / 2, color=colour, linewidth=1.4)
        axes[0].plot([], [], "o", color=colour, markersize=4, label=PARAMETERS[parameter])
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("mean activation")
    axes[1].set_ylim(bottom=0)
    axes[1].set_ylabel("positive work per clip (µJ)")
    axes[1].set_xticks(range(len(found.muscles)), found.muscles, rotation=35, ha="right", rotation_mode="anchor")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    return figure
