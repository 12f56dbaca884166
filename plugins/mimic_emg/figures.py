"""Figures of the `emg` analysis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from mimic_core.analysis import BLACK, BLUE, GREEN, VERMILLION
from mimic_core.records import half_width
from mimic_emg.findings import Compared, Findings, trial_means
from mimic_emg.settings import Comparison

COLOURS = {"excitation": BLUE, "activation": VERMILLION, "force": GREEN}
STYLES = {"excitation": "-", "activation": (0, (5, 1.5)), "force": (0, (1.5, 1.5))}
PANELS_IN_A_ROW = 3


def mean_curves(found: Findings, config: Comparison, synthetic: bool) -> Figure:
    """EMG and simulated signals of each recorded muscle over time."""
    names = list(found.compared)
    columns = min(PANELS_IN_A_ROW, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.6 * columns + 0.4, 2.5 * rows + 0.7))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    ms = 1e3 * found.times
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < len(names))
        if len(names) - columns <= i < len(names):
            ax.tick_params(labelbottom=True)
    for ax, name in zip(axes.flat, names, strict=False):
        ax.set_title(name if name == found.muscles[name] else f"{name} ({found.muscles[name]})")
        emg = found.emg[name]
        _curve(ax, ms, emg.mean, emg.sem, "made-up EMG" if synthetic else "EMG", BLACK, "-")
        for signal in config.show:
            if signal in found.compared[name]:
                mean, half = over_controllers(found.compared[name][signal])
                _curve(ax, ms, mean, half, f"simulated {signal}", COLOURS[signal], STYLES[signal])
    axes.flat[0].set_ylim(bottom=0)
    figure.supxlabel("time after start of reach (ms)", fontsize=10)
    figure.supylabel("amplitude (share of reference)", fontsize=10)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
    return figure


def over_controllers(each: list[Compared]) -> tuple[np.ndarray, np.ndarray]:
    """Mean curve and half width of its band: standard error over clips; of several controllers, their 95 % CI."""
    if len(each) == 1:
        return each[0].mean, each[0].sem
    means = np.stack([c.mean for c in each])
    return means.mean(0), half_width(means)


def _curve(ax, ms, mean, half, label, colour, line) -> None:
    ax.fill_between(ms, mean - half, mean + half, color=colour, alpha=0.25, linewidth=0)
    ax.plot(ms, mean, color=colour, linestyle=line, label=label)


def by_trial(found: Findings) -> Figure:
    """Error and correlation in single trials, by muscle and signal."""
    names = list(found.compared)
    signals = list(found.compared[names[0]])
    figure = Figure(figsize=(max(4.0, 1.0 + 0.6 * len(names) * len(signals)), 5.0))
    axes = figure.subplots(2, 1, sharex=True)
    jitter = np.random.default_rng(0)
    width = 0.8 / len(signals)
    for s, signal in enumerate(signals):
        at = np.arange(len(names)) + (s - (len(signals) - 1) / 2) * width
        of = [trial_means(found.compared[m][signal]) for m in names]
        for ax, measure in zip(axes, ("mae", "r"), strict=True):
            data = [v[measure][np.isfinite(v[measure])] for v in of]
            edge = {"color": COLOURS[signal]}
            ax.boxplot(
                data,
                positions=at,
                widths=0.7 * width,
                showfliers=False,
                manage_ticks=False,
                boxprops=edge,
                whiskerprops=edge,
                capprops=edge,
                medianprops={**edge, "linewidth": 2},
            )
            for x, values in zip(at, data, strict=True):
                dots = x + jitter.uniform(-0.2, 0.2, len(values)) * width
                ax.plot(dots, values, "o", color=COLOURS[signal], markersize=3, alpha=0.6, markeredgewidth=0)
        axes[0].plot([], [], "o", color=COLOURS[signal], markersize=4, label=signal)
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("mean absolute error\n(share of reference)")
    axes[1].axhline(0, color=BLACK, linewidth=0.8)
    axes[1].set_ylim(top=1.0)
    axes[1].set_ylabel("Pearson's r")
    crowded = len(names) > 4
    labels = [m if m == found.muscles[m] else f"{m}\n({found.muscles[m]})" for m in names]
    axes[1].set_xticks(range(len(names)), labels, rotation=45 if crowded else 0, ha="right" if crowded else "center")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(signals))
    return figure
