"""Figures of the tracking analysis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mimic_core import Rollouts
from mimic_drawing import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILLION
from mimic_statistics import mean_and_sem
from mimic_tracking.free import Free
from mimic_tracking.measures import over_clips, quantiles, splits
from mimic_tracking.nulls import CONTROLLER, HELD, LATE, LIMP, MEAN, MEAN_OF_OTHERS, SERVOS, errors_mm
from mimic_tracking.windows import Windows

SPLIT_COLOURS = {"held_out": VERMILLION, "train": BLUE}
NULL_COLOURS = {MEAN: BLUE, MEAN_OF_OTHERS: BLUE, LIMP: BLACK, LATE: ORANGE, HELD: GREEN, SERVOS: ORANGE}


def _short(name: str, most: int = 48) -> str:
    """Cut the middle out of a name too long for a panel's title."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-most // 2 :]}"


_MOST_JOINTS = 16
"""rows of a figure that is still read"""


def drawn_joints(rollouts: Rollouts, clips: Sequence[int]) -> list[str]:
    """Return all joints, or of many those that are furthest from the reference in some clips, in the body's order."""
    names = list(rollouts.joint_names)
    if len(names) <= _MOST_JOINTS:
        return names
    off = [np.nanmean(np.abs((rollouts.of("joint_pos", n) - rollouts.of("ref_joint_pos", n))[clips])) for n in names]
    return [names[i] for i in sorted(np.argsort(off)[-_MOST_JOINTS:])]


def joint_angles(rollouts: Rollouts, shown: dict[str, int]) -> Figure:
    """Reference and rollout angle of joints (`drawn_joints`, rows) in a few clips (columns)."""
    columns = list(dict.fromkeys(shown.values()))
    titles = {c: ", ".join(label for label, i in shown.items() if i == c) for c in columns}
    joints = drawn_joints(rollouts, columns)
    n = len(joints)
    figure = Figure(figsize=(4.2 * len(columns) + 0.6, 1.5 * n + 1.0), layout="constrained")
    axes = figure.subplots(n, len(columns), squeeze=False, sharex="col", sharey="row")
    ms = 1e3 * rollouts.time
    for row, joint in enumerate(joints):
        for column, c in enumerate(columns):
            ax = axes[row, column]
            ax.plot(
                ms,
                np.rad2deg(rollouts.of("ref_joint_pos", joint)[c]),
                color="black",
                linewidth=2.2,
                alpha=0.55,
                label="reference",
            )
            ax.plot(
                ms, np.rad2deg(rollouts.of("joint_pos", joint)[c]), color=VERMILLION, linewidth=1.4, label="rollout"
            )
            _plain(ax)
            if row == 0:
                name, split = rollouts.clip_names[c], rollouts.split[c].replace("_", "-")
                what = split if titles[c] == name else f"{titles[c]} ({split})"
                ax.set_title(f"{what}\n{_short(name)}", fontsize=8, loc="left")
            if row == n - 1:
                ax.set_xlabel("time (ms)")
        axes[row, 0].set_ylabel(f"{joint} (deg)")
    figure.align_ylabels(axes[:, 0])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False, fontsize=8)
    return figure


def error_over_time(rollouts: Rollouts, keypoints: Sequence[str]) -> Figure:
    """Median and 5-95 % band of each keypoint's error over clips, by split."""
    figure, axes = _grid(len(keypoints), width=3.6, height=2.5)
    groups = {s: m for s, m in splits(rollouts).items() if s != "all"}
    for ax, name in zip(axes, keypoints, strict=True):
        for split, clips in groups.items():
            of_name = rollouts.error_mm[clips, :, rollouts.keypoint_names.index(name)]
            error = over_clips(of_name, rollouts.n_steps[clips])
            low, middle, high = quantiles(error, (5, 50, 95))
            ms, colour = 1e3 * np.arange(error.shape[1]) / rollouts.rate_hz, SPLIT_COLOURS.get(split, GREEN)
            ax.fill_between(ms, low, high, color=colour, alpha=0.2, linewidth=0)
            ax.plot(
                ms,
                middle,
                color=colour,
                linewidth=1.6,
                linestyle="-" if split == "held_out" else (0, (5, 1.5)),
                label=f"{split.replace('_', '-')} ({int(clips.sum())} clips)",
            )
        ax.set_title(name, fontsize=9, loc="left")
        _plain(ax)
    axes[0].set_ylim(bottom=0)
    _legend(figure, axes)
    figure.supxlabel("time (ms)", fontsize=10)
    figure.supylabel("error (mm)", fontsize=10)
    return figure


def beside_nulls(rollouts: Rollouts, windows: Windows) -> Figure:
    """Median error over clips of the controller and of each null model, a panel for each split, log scale."""
    moving = [rollouts.keypoint_names.index(n) for n in rollouts.moving_keypoints]
    groups = {s: m for s, m in splits(rollouts).items() if s != "all"}
    figure = Figure(figsize=(3.9 * len(groups) + 0.6, 3.2), layout="constrained")
    axes = figure.subplots(1, len(groups), squeeze=False, sharex=True, sharey=True)[0]
    errors = errors_mm(rollouts)["reference"]
    for ax, (split, clips) in zip(axes, groups.items(), strict=True):
        for name, error in errors.items():
            of_clip = over_clips(error[clips][..., moving].mean(-1), rollouts.n_steps[clips])
            (middle,) = quantiles(of_clip, (50,))
            middle = np.where(middle > 0, middle, np.nan)[
                1:
            ]  # a rollout begins in the reference: no place on a log scale
            ms = 1e3 * np.arange(1, len(middle) + 1) / rollouts.rate_hz
            own = name == CONTROLLER
            ax.plot(
                ms,
                middle,
                color=VERMILLION if own else NULL_COLOURS.get(name, GREY),
                linewidth=2.0 if own else 1.3,
                linestyle="-" if own else (0, (5, 1.5)),
                label=name,
            )
        if "hold" in windows.steps:
            ax.axvline(1e3 * np.median(windows.reach_end[clips]), color=GREY, linewidth=1.0, linestyle=":")
        ax.set_title(f"{split.replace('_', '-')} ({int(clips.sum())} clips)", fontsize=9, loc="left")
        ax.set_yscale("log")
        _plain(ax)
    _legend(figure, axes)
    figure.supxlabel("time (ms)", fontsize=10)
    figure.supylabel("error (mm)", fontsize=10)
    return figure


def surviving(free: Free) -> Figure:
    """Share of rollouts whose root is not lost yet, of the controller and of each null model, a panel per split."""
    groups = free.splits
    figure = Figure(figsize=(3.9 * len(groups) + 0.6, 3.2), layout="constrained")
    axes = figure.subplots(1, len(groups), squeeze=False, sharex=True, sharey=True)[0]
    for ax, (split, clips) in zip(axes, groups.items(), strict=True):
        steps = int(free.rollouts.n_steps[clips].min())  # as long as every window lasts
        for name in free.courses:
            own = name == CONTROLLER
            ax.step(
                np.arange(steps) / free.rollouts.rate_hz,
                100.0 * free.surviving(name, clips)[:steps],
                where="post",
                color=VERMILLION if own else NULL_COLOURS.get(name, GREY),
                linewidth=2.0 if own else 1.3,
                linestyle="-" if own else (0, (5, 1.5)),
                label=name,
            )
        ax.set_title(f"{split.replace('_', '-')} ({_windows(clips)})", fontsize=9, loc="left")
        ax.set_ylim(0, 104)
        _plain(ax)
    _legend(figure, axes)
    figure.supxlabel("time since the window's start (s)", fontsize=10)
    figure.supylabel("root followed (%)", fontsize=10)
    return figure


def _windows(clips: np.ndarray) -> str:
    n = int(clips.sum())
    return f"{n} window" if n == 1 else f"{n} windows"


def error_by_clip(rollouts: Rollouts, keypoints: Sequence[str]) -> Figure:
    """Box and dots of the mean error of each clip, per keypoint and split."""
    groups = {s: m for s, m in splits(rollouts).items() if s != "all"}
    figure = Figure(figsize=(max(4.0, 1.5 + 0.8 * len(keypoints) * len(groups)), 3.4), layout="constrained")
    ax = figure.subplots()
    jitter = np.random.default_rng(0)
    width = 0.8 / len(groups)
    for g, (split, clips) in enumerate(groups.items()):
        colour = SPLIT_COLOURS.get(split, GREEN)
        at = np.arange(len(keypoints)) + (g - (len(groups) - 1) / 2) * width
        data = [np.nanmean(rollouts.error_mm[clips, :, rollouts.keypoint_names.index(n)], axis=1) for n in keypoints]
        ax.boxplot(
            data,
            positions=at,
            widths=0.7 * width,
            showfliers=False,
            manage_ticks=False,
            patch_artist=True,
            boxprops={"facecolor": "white", "edgecolor": colour},
            medianprops={"color": colour, "linewidth": 2},
            whiskerprops={"color": colour},
            capprops={"color": colour},
        )
        for x, values in zip(at, data, strict=True):
            ax.plot(
                x + jitter.uniform(-0.18, 0.18, len(values)) * width,
                values,
                "o" if split == "held_out" else "s",
                color=colour,
                markersize=3.5,
                alpha=0.7,
                markeredgewidth=0,
                zorder=3,
            )
        ax.plot(
            [],
            [],
            "o" if split == "held_out" else "s",
            color=colour,
            label=f"{split.replace('_', '-')} ({int(clips.sum())} clips)",
        )
    crowded = len(keypoints) > 8
    ax.set_xticks(range(len(keypoints)), keypoints, rotation=45 if crowded else 0, ha="right" if crowded else "center")
    ax.set_ylim(bottom=0)
    ax.set_ylabel("mean error of a clip (mm)")
    ax.margins(y=0.12)
    ax.legend(frameon=False, fontsize=8, ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    _plain(ax)
    return figure


def activation(rollouts: Rollouts) -> Figure:
    """Mean and standard error of each actuator's activation over clips, reserves left out."""
    names = [n for n in rollouts.actuator_names if n not in rollouts.reserve_names]
    figure, axes = _grid(len(names), width=2.6, height=1.7)
    for ax, name in zip(axes, names, strict=True):
        a = over_clips(rollouts.of("activation", name), rollouts.n_steps)
        ms = 1e3 * np.arange(a.shape[1]) / rollouts.rate_hz
        mean, sem = mean_and_sem(a)
        ax.fill_between(ms, mean - sem, mean + sem, color=BLUE, alpha=0.3, linewidth=0)
        ax.plot(ms, mean, color=BLUE, linewidth=1.5)
        ax.set_title(name, fontsize=9, loc="left")
        _plain(ax)
    if rollouts.muscle_names:
        axes[0].set_ylim(0, 1)
    figure.supxlabel("time (ms)", fontsize=10)
    figure.supylabel("activation (0 to 1)" if rollouts.muscle_names else "activation", fontsize=10)
    return figure


def _grid(n: int, width: float, height: float):
    columns = 2 if n == 4 else min(n, 3 if n <= 9 else 5)
    rows = -(-n // columns)
    figure = Figure(figsize=(width * columns + 0.5, height * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < n)
        if n - columns <= i < n:
            ax.tick_params(labelbottom=True)
    return figure, list(axes.flat[:n])


def _legend(figure: Figure, axes) -> None:
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False, fontsize=8)


def _plain(ax) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)
