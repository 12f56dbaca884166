"""Figures of the `emg` analysis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mimic_drawing import BLACK, BLUE, DIVERGING, GREEN, GREY, ORANGE, SEQUENTIAL, VERMILLION
from mimic_emg.findings import Compared, Findings, mean_of, trial_means
from mimic_emg.nulls import ANOTHER_CLIP, BUMPS, CONSTANT, LIMP, OTHER_TRIALS, WORDS
from mimic_emg.settings import Comparison
from mimic_sensitivity import ALL
from mimic_statistics import half_width

COLOUR = BLUE
TRIAL_NULLS = {
    CONSTANT: (BLACK, ":"),
    LIMP: (GREY, "-"),
    ANOTHER_CLIP: (ORANGE, "--"),
    OTHER_TRIALS: (GREEN, "-"),
}
"""null model → colour and line"""
PANELS_IN_A_ROW = 3


def mean_curves(found: Findings, config: Comparison, synthetic: bool) -> Figure:
    """EMG and the simulated signal of each recorded muscle over time, among the other muscles."""
    names = list(found.compared)
    columns = min(PANELS_IN_A_ROW, len(names))
    rows = -(-len(names) // columns)
    figure = Figure(figsize=(3.6 * columns + 0.4, 2.5 * rows + 0.9))
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    ms = 1e3 * found.times
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < len(names))
        if len(names) - columns <= i < len(names):
            ax.tick_params(labelbottom=True)
    for ax, name in zip(axes.flat, names, strict=False):
        ax.set_title(name if name == found.muscles[name] else f"{name} ({found.muscles[name]})")
        label = "other muscles"
        for muscle, each in found.every[name].items():
            if muscle != found.muscles[name]:
                ax.plot(ms, over_controllers(each)[0], color=GREY, linewidth=0.6, alpha=0.7, label=label)
                label = None
        emg = found.emg[name]
        ax.axhline(np.nanmedian(emg.mean), color=BLACK, linewidth=0.9, linestyle=":", label="best constant")
        _curve(ax, ms, emg.mean, emg.sem, "made-up EMG" if synthetic else "EMG", BLACK, "-")
        mean, half = over_controllers(found.compared[name])
        _curve(ax, ms, mean, half, f"simulated {config.signal}", COLOUR, "-")
        if found.varied is not None and name in found.varied.course:
            ends = found.varied.course[name].around(mean)
            for end, label in zip(ends, ("with other muscle parameters", None), strict=True):
                ax.plot(ms, end, color=COLOUR, linewidth=0.9, linestyle=(0, (4, 2)), label=label)
    axes.flat[0].set_ylim(bottom=0)
    figure.supxlabel("time after start of reach (ms)", fontsize=10)
    figure.supylabel("amplitude (share of reference)", fontsize=10)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
    return figure


def muscles(found: Findings, config: Comparison) -> Figure:
    """Heat maps with numbers: every muscle of the body, and below it null models, beside every EMG."""
    emgs, body = list(found.every), list(next(iter(found.every.values())))
    below = [n for n in (CONSTANT, LIMP, BUMPS) if any(n in found.nulls[m].of_mean for m in emgs)]
    kinds = {"mae": ("MAE", f"{SEQUENTIAL}_r"), "r": ("Pearson's r", DIVERGING), "r2_affine": ("R² affine", SEQUENTIAL)}
    width = max(1.5, 0.7 * len(emgs))
    varied = {} if found.varied is None else found.varied.every
    height = 0.42 if varied else 0.3
    figure = Figure(figsize=(width * len(kinds) + 1.9, height * (len(body) + len(below)) + 1.5))
    axes = figure.subplots(1, len(kinds), sharey=True)
    for ax, (kind, (title, colours)) in zip(axes, kinds.items(), strict=True):
        rows = [[mean_of(found.every[m][s], kind) for m in emgs] for s in body]
        rows += [[found.nulls[m].of_mean.get(n, {}).get(kind, np.nan) for m in emgs] for n in below]
        values = np.array(rows)
        limits = {"mae": (0, max(0.3, np.nanmax(values))), "r": (-1, 1), "r2_affine": (0, 1)}[kind]
        image = ax.imshow(values, aspect="auto", cmap=colours, vmin=limits[0], vmax=limits[1])
        for (i, j), value in np.ndenumerate(values):
            shown = f"{value:.2f}" if np.isfinite(value) else "–"
            red, green, blue, _ = image.to_rgba(value)
            dark = np.isfinite(value) and 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            spread = varied.get(emgs[j], {}).get(body[i] if i < len(body) else "", {}).get(kind)
            shown += f"\n±{spread.sd:.2f}" if spread is not None and np.isfinite(spread.sd) else ""
            size = 8 if "\n" not in shown else 7
            ax.text(j, i, shown, ha="center", va="center", fontsize=size, color="white" if dark else BLACK)
        for j, m in enumerate(emgs):
            place = (j - 0.5, body.index(found.muscles[m]) - 0.5)
            ax.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=VERMILLION, linewidth=2.2, zorder=3))
        ax.axhline(len(body) - 0.5, color=BLACK, linewidth=1.2)
        ax.set_title(title)
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
        ax.set_xticks(range(len(emgs)), emgs, rotation=45 if len(emgs) > 3 else 0)
    axes[0].set_yticks(range(len(body) + len(below)), [*body, *(WORDS[n] for n in below)])
    figure.suptitle(f"mean {config.signal} beside EMG", fontsize=10)
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


def _bar_of_trials(ax, found: Findings, name: str, x: float, mean: float, measure: str) -> None:
    """What other muscle parameters would make of the mean over trials."""
    spread = {} if found.varied is None else found.varied.of_trials.get(name, {}).get(ALL, {})
    if measure in spread and np.isfinite(bar := spread[measure].bar(mean)).all():
        label = "mean, with other muscle parameters"
        ax.errorbar(x + 0.34, *bar, fmt="D", color=VERMILLION, markersize=4, capsize=3, label=label)


def by_trial(found: Findings, config: Comparison) -> Figure:
    """Error and correlation in single trials by muscle, with the means of null models."""
    names = list(found.compared)
    figure = Figure(figsize=(max(4.6, 2.2 + 1.0 * len(names)), 5.0))
    axes = figure.subplots(2, 1, sharex=True)
    jitter = np.random.default_rng(0)
    of = [trial_means(found.compared[m]) for m in names]
    edge = {"color": COLOUR}
    for ax, measure in zip(axes, ("mae", "r"), strict=True):
        data = [v[measure][np.isfinite(v[measure])] for v in of]
        style = {f"{part}props": edge for part in ("box", "whisker", "cap")}
        middle = {**edge, "linewidth": 2}
        ax.boxplot(data, positions=range(len(names)), widths=0.5, showfliers=False, medianprops=middle, **style)
        for x, values in enumerate(data):
            dots = x + jitter.uniform(-0.15, 0.15, len(values))
            ax.plot(dots, values, "o", color=COLOUR, markersize=3, alpha=0.6, markeredgewidth=0)
            _bar_of_trials(ax, found, names[x], x, values.mean() if values.size else np.nan, measure)
            for null, (colour, line) in TRIAL_NULLS.items():
                value = found.nulls[names[x]].of_trials.get(null, {}).get(measure, np.nan)
                if np.isfinite(value):
                    ax.plot([x - 0.4, x + 0.4], [value] * 2, color=colour, linestyle=line, label=WORDS[null])
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("mean absolute error\n(share of reference)")
    axes[1].axhline(0, color=BLACK, linewidth=0.8)
    axes[1].set_ylim(top=1.0)
    axes[1].set_ylabel("Pearson's r")
    crowded = len(names) > 4
    labels = [m if m == found.muscles[m] else f"{m}\n({found.muscles[m]})" for m in names]
    axes[1].set_xticks(range(len(names)), labels, rotation=45 if crowded else 0, ha="right" if crowded else "center")
    handles = dict(zip(*axes[0].get_legend_handles_labels()[::-1], strict=True))
    if handles:
        figure.legend(handles.values(), handles, loc="outside upper right", ncols=2)
    return figure
