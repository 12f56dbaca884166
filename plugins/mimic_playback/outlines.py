"""Pictures without OpenGL: outlines of the body's parts, muscles and keypoints, drawn by matplotlib."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from scipy.spatial import ConvexHull, QhullError

from mimic_playback.scene import (
    BODY,
    GHOST,
    KEYPOINT_COLOURS,
    KEYPOINT_RADIUS,
    MUSCLE_WIDTH,
    Scene,
    activation_colours,
)
from mimic_playback.shapes import placed

_EDGE = np.array([0.2, 0.2, 0.24, 1.0])
_CIRCLE = np.stack([f(np.linspace(0, 2 * np.pi, 24, endpoint=False)) for f in (np.cos, np.sin)], axis=1)


class Outlines:
    """Draws the reference, over it the body, its muscles and the keypoints; parts are drawn as if they were convex."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._drawn: PolyCollection | None = None

    def draw(self, axes: Axes) -> None:
        """Draw the scene as it is now, on axes that span its view."""
        layers = [self._ghost(), self._body(), self._muscles(), self._keypoints()]
        polygons = [p for shapes, _ in layers for p in shapes]
        colours = np.array([c for _, fills in layers for c in fills])
        if self._drawn is not None:
            self._drawn.remove()
        self._drawn = PolyCollection(polygons, facecolors=colours, edgecolors=_edges(colours), linewidths=0.5)
        axes.add_collection(self._drawn, autolim=False)

    def close(self) -> None:
        """Nothing is held."""

    def _ghost(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        s = self.scene
        own = {g: points for g, points in s.surfaces.items() if s.reference_has(g)}
        shapes = self._hulls({g: p + s.shift for g, p in placed(s.ghost, own).items()})
        return list(shapes.values()), [GHOST] * len(shapes)

    def _body(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        shapes = self._hulls(placed(self.scene.body, self.scene.surfaces))
        return list(shapes.values()), [BODY] * len(shapes)

    def _hulls(self, points: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
        """Geom → outline, far ones first."""
        seen = {g: self.scene.view.project(p) for g, p in points.items()}
        far_first = sorted(seen, key=lambda g: seen[g][:, 2].mean())
        outlines = {g: _outline(seen[g][:, :2]) for g in far_first}
        return {g: o for g, o in outlines.items() if o is not None}

    def _muscles(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        s = self.scene
        width = MUSCLE_WIDTH * s.view.height
        shapes, fills = [], []
        for tendon, colour in zip(s.muscles, activation_colours(s.activation), strict=True):
            path = s.view.project(s.path(s.body, tendon))[:, :2]
            joined = [_outline(np.concatenate([_CIRCLE * width + end for end in ends])) for ends in _pairs(path)]
            shapes += joined
            fills += [colour] * len(joined)
        return shapes, fills

    def _keypoints(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        s = self.scene
        points = [(kind, at[:2]) for kind, of in s.keypoints().items() for at in s.view.project(of)]
        shapes = [_CIRCLE * KEYPOINT_RADIUS[kind] * s.view.height + at for kind, at in points]
        return shapes, [KEYPOINT_COLOURS[kind] for kind, _ in points]


def _pairs(path: np.ndarray) -> np.ndarray:
    return np.stack([path[:-1], path[1:]], axis=1)


def _outline(points: np.ndarray) -> np.ndarray | None:
    """(corner, 2) around points in the plane; None where they lie on a line."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return None


def _edges(fills: np.ndarray) -> np.ndarray:
    """A dark edge for each fill, as translucent as the fill."""
    edges = np.tile(_EDGE, (len(fills), 1))
    edges[:, 3] = fills[:, 3]
    return edges
