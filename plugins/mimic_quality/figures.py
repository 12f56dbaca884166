"""Figures of the registration analysis over keypoints, joints and time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.spatial.transform import Rotation

from mimic_drawing import BLACK, BLUE, GREEN, GREY, ORANGE, PINK, SKY, VERMILLION
from mimic_quality.measures import Measures, over_samples, runs, window, windows

CLIP_COLOURS = (BLUE, ORANGE, GREEN, PINK, SKY, BLACK)
CLIP_STYLES = ("-", "--", ":")


def error_by_keypoint(m: Measures) -> Figure:
    """Violin of each keypoint's errors with median and 95th percentile, jumps as crosses."""
    names = m.clips.keypoint_names
    figure = Figure(figsize=(min(12.0, max(4.5, 1.2 + 0.55 * len(names))), 3.8), layout="constrained")
    ax = figure.subplots()
    errors = {k: e[np.isfinite(e)] for k, e in enumerate(np.moveaxis(m.error_mm, -1, 0))}
    null = {k: v for k, n in enumerate(names) if (v := m.mean_pose[n]) is not None}
    top = 1.12 * max([*(e.max() for e in errors.values() if e.size), *null.values()], default=1.0) or 1.0
    for k, e in errors.items():
        if e.size:
            _violin(ax, k, e)
        _far(ax, k, m.clips.error_mm[..., k][m.jumped[..., k]], top)
    if null:
        at = np.array(list(null)) + 0.3
        ax.plot(at, list(null.values()), "<", color=ORANGE, markersize=6, label="mean pose held")
    ax.set_ylim(0, top)
    ax.set_xlim(-0.6, len(names) - 0.4)
    crowded = sum(map(len, names)) > 60
    ax.set_xticks(range(len(names)), names, rotation=60 if crowded else 0, ha="right" if crowded else "center")
    if crowded:
        for label in ax.get_xticklabels():
            label.set_rotation_mode("anchor")
    ax.set_ylabel("distance from the body (mm)")
    ax.plot([], [], "o", color=BLACK, markerfacecolor="white", markersize=5, label="median")
    ax.plot([], [], "_", color=BLACK, markersize=11, markeredgewidth=1.6, label="95th percentile")
    if m.jumped.any():
        ax.plot([], [], "x", color=VERMILLION, markersize=5, label="jump (▲ beyond the axis)")
    _legend(figure, ax)
    plain(ax)
    return figure


def _violin(ax: Axes, at: float, errors: np.ndarray) -> None:
    # as many quantiles as a drawing can show stand for any number of frames
    drawn = np.quantile(errors, np.linspace(0, 1, 1000)) if errors.size > 1000 else errors
    parts = ax.violinplot([drawn], positions=[at], widths=0.85, showextrema=False)
    for body in parts["bodies"]:
        body.set(facecolor=SKY, edgecolor=BLUE, alpha=0.75, linewidth=0.8)
    ax.plot(at, np.median(errors), "o", color=BLACK, markerfacecolor="white", markersize=5, zorder=4)
    ax.plot(at, np.percentile(errors, 95), "_", color=BLACK, markersize=11, markeredgewidth=1.6, zorder=4)


def _far(ax: Axes, at: float, jumps: np.ndarray, top: float) -> None:
    near, beyond = jumps[jumps < top], int((jumps >= top).sum())
    ax.plot(np.full(len(near), at), near, "x", color=VERMILLION, markersize=4, alpha=0.7, zorder=3)
    if beyond:
        ax.annotate(
            f"▲ {beyond}",
            (at, top),
            xytext=(0, -9),
            textcoords="offset points",
            color=VERMILLION,
            fontsize=7,
            ha="center",
        )


def error_over_time(m: Measures) -> Figure:
    """Mean and 5-95 % band of each keypoint's error over clips, with marks of what was missing or jumped."""
    names = m.clips.keypoint_names
    figure, axes = grid(len(names), sharey=True)
    steps = m.common_frames
    width = window(steps)
    t, unit = times(m, steps)
    pooled = len(m.clips.n_frames) > 1 or width > 1
    for k, (ax, name) in enumerate(zip(axes, names, strict=True)):
        mean, low, high = over_samples(windows(m.error_mm[:, :steps, k], width), 5, 95)
        at = middles(t, width)
        if pooled:
            ax.fill_between(at, low, high, color=SKY, alpha=0.45, linewidth=0, label="5th to 95th percentile")
        ax.plot(at, mean, color=BLUE, linewidth=1.4, label="mean" if pooled else "error")
        for mask, height, colour, label in (
            (m.missing, 1.0, GREY, "missing in a clip"),
            (m.jumped, 0.95, VERMILLION, "jump in a clip"),
        ):
            if mask.any():
                _marks(ax, t, mask[:, :steps, k].any(0), height, colour, label)
        ax.set_title(name, fontsize=9, loc="left")
        plain(ax)
    axes[0].set_ylim(bottom=0)
    axes[0].margins(x=0)
    figure.supxlabel(f"time ({unit})", fontsize=10)
    figure.supylabel("distance from the body (mm)", fontsize=10)
    _legend(figure, axes[0])
    return figure


def _marks(ax: Axes, t: np.ndarray, mask: np.ndarray, height: float, colour: str, label: str) -> None:
    """Bars over the frames of ``mask`` (frame,) at a height of the panel from 0 to 1."""
    step = t[1] - t[0] if len(t) > 1 else 1.0
    # a frame shorter than a screen dot would not be seen
    width = max(step, 0.004 * (t[-1] - t[0]))
    bars = [(t[first] - step / 2, max(t[last] - t[first] + step, width)) for first, last in runs(mask)]
    ax.broken_barh(
        bars, (height - 0.04, 0.035), transform=ax.get_xaxis_transform(), facecolor=colour, linewidth=0, label=label
    )


def joint_angles(m: Measures, shown: dict[str, int]) -> Figure | None:
    """Position of every joint over time in a few clips, with its limits."""
    names = m.model.joint_names
    if not names:
        return None
    panels = {f"{short(n, 22)} ({m.units[j]})": m.joint_pos[..., j] for j, n in enumerate(names)}
    figure, axes = curves(m, shown, panels)
    for ax, limits in zip(axes, m.joint_range, strict=True):
        _limits(ax, *limits)
    figure.supylabel("joint position" if "mm" in m.units else "joint angle", fontsize=10)
    return figure


def _limits(ax: Axes, low: float, high: float) -> None:
    """Limits no further from the data than the data reaches; the axis shows what is needed for that."""
    bottom, top = ax.get_ylim()
    reach = max(top - bottom, 1.0)
    ax.set_ylim((bottom + top - reach) / 2, (bottom + top + reach) / 2)
    bottom, top = ax.get_ylim()
    if low > bottom - reach:
        ax.axhline(low, color=BLACK, linewidth=1.0, linestyle=(0, (4, 3)))
        bottom = min(bottom, low - 0.12 * reach)
    if high < top + reach:
        ax.axhline(high, color=BLACK, linewidth=1.0, linestyle=(0, (4, 3)))
        top = max(top, high + 0.06 * reach)
    ax.set_ylim(bottom, top)


def root(m: Measures, shown: dict[str, int]) -> Figure | None:
    """Position (mm) and orientation (deg) of a free root over time; None for a body fixed in space."""
    if m.model.root is None:
        return None
    pos, turn = root_pose(m)
    panels = {f"{axis} (mm)": pos[..., i] * m.mm for i, axis in enumerate("xyz")}
    panels |= {f"{angle} (deg)": turn[..., i] for i, angle in enumerate(("yaw", "pitch", "roll"))}
    return curves(m, shown, panels)[0]


def root_pose(m: Measures) -> tuple[np.ndarray, np.ndarray]:
    """Return position (clip, frame, 3) m and yaw, pitch and roll (clip, frame, 3) deg of the free root."""
    at = m.model.root_qposadr
    pos, quat = m.clips.qpos[..., at : at + 3], m.clips.qpos[..., at + 3 : at + 7]
    turn = np.full(pos.shape, np.nan)
    for c, n in enumerate(m.clips.n_frames):
        angles = Rotation.from_quat(quat[c, :n], scalar_first=True).as_euler("ZYX")
        turn[c, :n] = np.rad2deg(np.unwrap(angles, axis=0))
    return pos, turn


def curves(m: Measures, shown: dict[str, int], panels: dict[str, np.ndarray]) -> tuple[Figure, list[Axes]]:
    """Panels, title → (clip, frame), of the shown clips over time, with marks where the tracking jumps."""
    figure, axes = grid(len(panels), sharey=False)
    t, unit = times(m, int(m.clips.n_frames[list(shown.values())].max()))
    for ax, (title, values) in zip(axes, panels.items(), strict=True):
        _clips(ax, t, values, shown)
        _jump_marks(m, ax, t, shown)
        ax.set_title(title, fontsize=8, loc="left")
        plain(ax)
    axes[0].margins(x=0)
    figure.supxlabel(f"time ({unit})", fontsize=10)
    _legend(figure, axes[0])
    return figure, axes


def _clips(ax: Axes, t: np.ndarray, values: np.ndarray, shown: dict[str, int]) -> None:
    """Curves of values (clip, frame); of long ones the mean and the extremes in windows."""
    width = window(len(t))
    for (label, c), (colour, style) in zip(shown.items(), _looks(len(shown)), strict=True):
        mean, low, high = over_samples(windows(values[[c], : len(t)], width), 0, 100)
        at = middles(t, width)
        if width > 1:
            ax.fill_between(at, low, high, color=colour, alpha=0.3, linewidth=0)
        ax.plot(at, mean, color=colour, linestyle=style, linewidth=1.2, label=short(label, 40))


def _jump_marks(m: Measures, ax: Axes, t: np.ndarray, shown: dict[str, int]) -> None:
    for row, (c, (colour, _)) in enumerate(zip(shown.values(), _looks(len(shown)), strict=True)):
        jumped = m.jumped[c, : len(t)].any(-1)
        if jumped.any():
            _marks(ax, t, jumped, 0.05 * (row + 1), colour, "")


def _looks(n: int) -> list[tuple[str, str]]:
    return [
        (CLIP_COLOURS[i % len(CLIP_COLOURS)], CLIP_STYLES[i // len(CLIP_COLOURS) % len(CLIP_STYLES)]) for i in range(n)
    ]


def times(m: Measures, steps: int) -> tuple[np.ndarray, str]:
    """Time of each frame and its unit: ms, or s where a recording is longer than two seconds."""
    t = np.arange(steps) / m.clips.rate_hz
    return (t, "s") if t[-1] > 2 else (1e3 * t, "ms")


def middles(t: np.ndarray, width: int) -> np.ndarray:
    """The middle of each window of ``width`` frames."""
    return t[::width] + (t[width - 1] - t[0]) / 2


def grid(n: int, sharey: bool) -> tuple[Figure, list[Axes]]:
    """Return a figure with ``n`` panels of one time axis."""
    columns = 2 if n == 4 else next(c for most, c in ((3, n), (9, 3), (24, 4), (n, 6)) if n <= most)
    rows = -(-n // columns)
    width = {1: 6.0, 2: 3.6, 3: 2.8, 4: 2.5, 6: 2.1}[columns]
    figure = Figure(figsize=(width * columns + 0.5, (2.0 if columns < 4 else 1.45) * rows + 0.7), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=sharey)
    for i, ax in enumerate(axes.flat):
        ax.set_visible(i < n)
        if n - columns <= i < n:
            ax.tick_params(labelbottom=True)
    return figure, list(axes.flat[:n])


def short(name: str, most: int) -> str:
    """Cut the middle out of a name too long for a panel's title."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-most // 2 :]}"


def plain(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)


def _legend(figure: Figure, ax: Axes) -> None:
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=min(4, len(labels)), frameon=False, fontsize=8)
