"""The fitted body over the tracked keypoints in single frames, from two sides."""

from __future__ import annotations

import itertools

import attrs
import mujoco
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mimic_quality.figures import BLACK, BLUE, GREY, VERMILLION, plain, root_pose, short, times
from mimic_quality.measures import Measures

FRAMES = 8
COLUMNS = 4
NAMED = 6  # more keypoints than this are not named in the panels
XYZ = "xyz"


@attrs.frozen
class Scene:
    """One frame, in millimetres of the animal.

    Attributes:
        title: which frame it is.
        links: (link, 2, 3) ends of lines from each body to its parent.
        stalks: (keypoint, 2, 3) from the body that a keypoint sits on to the keypoint.
        tracked: (keypoint, 3); NaN where missing.
        jumped: (keypoint,) True where the tracked position was judged a jump.
    """

    title: str
    links: np.ndarray
    stalks: np.ndarray
    tracked: np.ndarray
    jumped: np.ndarray

    def points(self) -> np.ndarray:
        """(point, 3) everything that must be in view."""
        seen = self.tracked[np.isfinite(self.tracked).all(-1) & ~self.jumped]
        return np.concatenate([self.links.reshape(-1, 3), self.stalks.reshape(-1, 3), seen])


def frames(m: Measures, shown: dict[str, int]) -> Figure:
    """Some frames of the shown clips and the worst frames of all, each from two orthogonal sides."""
    scenes = [scene(m, title, c, f) for title, c, f in chosen(m, shown)]
    points = np.concatenate([s.points() for s in scenes])
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, 0.55 * max((high - low).max(), 1e-3)
    views = sides(high - low)
    columns = min(COLUMNS, len(scenes))
    blocks = -(-len(scenes) // columns)
    figure = Figure(figsize=(2.45 * columns + 0.4, 4.7 * blocks + 0.5), layout="constrained")
    axes = figure.subplots(2 * blocks, columns, squeeze=False)
    for ax in axes.flat:
        ax.set_visible(False)
    for i, s in enumerate(scenes):
        block, column = divmod(i, columns)
        for view, (across, up) in enumerate(views):
            ax = axes[2 * block + view, column]
            ax.set_visible(True)
            _draw(ax, s, across, up)
            if i == view == 0 and len(s.tracked) <= NAMED:
                _name(ax, s, m.clips.keypoint_names, across, up)
            ax.set_xlim(middle[across] - half, middle[across] + half)
            ax.set_ylim(middle[up] - half, middle[up] + half)
            ax.set_aspect("equal")
            ax.set_xlabel(f"{XYZ[across]} (mm)", fontsize=8)
            if column == 0:
                ax.set_ylabel(f"{XYZ[up]} (mm)", fontsize=8)
            plain(ax)
        axes[2 * block, column].set_title(s.title, fontsize=8, loc="left")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    if any(s.jumped.any() for s in scenes):
        handles.append(axes[0, 0].plot([], [], "x", color=VERMILLION, markersize=5)[0])
        labels.append("tracked, judged a jump")
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels), frameon=False, fontsize=8)
    return figure


def chosen(m: Measures, shown: dict[str, int]) -> list[tuple[str, int, int]]:
    """(title, clip, frame): evenly through the shown clips, and the two worst frames of all."""
    named = m.clips.keypoint_names
    clips = dict(itertools.islice(shown.items(), FRAMES - 2))
    worst = m.worst()[:2]
    each = (FRAMES - len(worst)) // len(clips)
    out = []
    for label, c in clips.items():
        n = int(m.clips.n_frames[c])
        at = np.unique(((np.arange(each) + 0.5) / each * n).astype(int))
        out += [(f"{short(label, 20)}\n{_when(m, f)}", c, int(f)) for f in at]
    for c, f, k in worst:
        out.append(
            (f"worst: {named[k]} {m.error_mm[c, f, k]:.2f} mm\n{short(m.clips.clip_names[c], 20)}, {_when(m, f)}", c, f)
        )
    return out


def _when(m: Measures, frame: int) -> str:
    t, unit = times(m, int(m.clips.n_frames.max()))
    return f"{t[frame]:.4g} {unit}"


def scene(m: Measures, title: str, clip: int, frame: int) -> Scene:
    """Return where body and keypoints are in one frame."""
    model = m.model.mj_model
    data = mujoco.MjData(model)
    data.qpos[:] = m.clips.qpos[clip, frame]
    mujoco.mj_kinematics(model, data)
    sites = m.model.keypoint_site_ids
    children = _carrying(model, sites)
    links = np.stack([data.xpos[model.body_parentid[children]], data.xpos[children]], axis=1)
    stalks = np.stack([data.xpos[model.site_bodyid[sites]], data.site_xpos[sites]], axis=1)
    view = _level(m, clip, frame)
    return Scene(title, *(view(p) for p in (links, stalks, m.clips.tracked_pos[clip, frame])), m.jumped[clip, frame])


def _carrying(model: mujoco.MjModel, sites: np.ndarray) -> list[int]:
    """Bodies with a parent (other than the world) that bear a keypoint, or whose descendants do."""
    found = set()
    for body in model.site_bodyid[sites]:
        while model.body_parentid[body] > 0:
            found.add(int(body))
            body = model.body_parentid[body]
    return sorted(found)


def _level(m: Measures, clip: int, frame: int):
    """Return the map of model metres to millimetres that puts a free animal at the origin, heading along x."""
    if m.model.root is None:
        return lambda points: points * m.mm
    pos, turn = root_pose(m)
    yaw = np.deg2rad(turn[clip, frame, 0])
    c, s = np.cos(yaw), np.sin(yaw)
    back = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    return lambda points: (points - pos[clip, frame]) @ back.T * m.mm


def sides(extent: np.ndarray) -> list[tuple[int, int]]:
    """The two coordinate planes (across, up) in which most is seen, of ``extent`` (3,)."""
    planes = [tuple(XYZ.index(a) for a in plane) for plane in ("xz", "xy", "yz")]
    return sorted(planes, key=lambda p: -extent[p[0]] * extent[p[1]])[:2]


def _draw(ax: Axes, s: Scene, across: int, up: int) -> None:
    view = [across, up]
    for points, colour, width in ((s.links, BLACK, 2.0), (s.stalks, GREY, 1.0)):
        for line in points[..., view]:
            ax.plot(*line.T, color=colour, linewidth=width, solid_capstyle="round")
    ax.plot([], [], color=BLACK, linewidth=2.0, label="body")
    body = s.stalks[:, 1]
    for k in np.flatnonzero(~s.jumped):
        ax.plot(*np.stack([body[k], s.tracked[k]])[:, view].T, color=VERMILLION, linewidth=1.0)
    ax.plot(*body[:, view].T, "o", color=BLUE, markerfacecolor="white", markersize=5, label="keypoint of the body")
    ax.plot(*s.tracked[~s.jumped][:, view].T, ".", color=VERMILLION, markersize=5, label="tracked")
    ax.plot(*s.tracked[s.jumped][:, view].T, "x", color=VERMILLION, markersize=5)


def _name(ax: Axes, s: Scene, names: tuple[str, ...], across: int, up: int) -> None:
    for name, pos in zip(names, s.stalks[:, 1], strict=True):
        ax.annotate(name, pos[[across, up]], xytext=(6, -8), textcoords="offset points", fontsize=7, color=BLUE)
