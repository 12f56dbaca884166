"""The view: from where a body is seen, and how much of the world a picture shows."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_drawing import axes

MARGINS = {"left": 0.06, "right": 0.2, "bottom": 0.16, "top": 0.14}
"""Shares of a picture that the body does not enter; text, legend and colour bar are there."""


@attrs.frozen(eq=False)
class View:
    """A parallel projection, so that a millimetre is equally long everywhere in a picture.

    Attributes:
        azimuth_deg, elevation_deg: of the direction of view, as MuJoCo counts them.
        centre: (3,) m, the point in the middle of the picture.
        height: m from the lower to the upper edge of the picture.
        aspect: width over height.
        depth: m from the nearest point to the furthest.
    """

    azimuth_deg: float
    elevation_deg: float
    centre: np.ndarray
    height: float
    aspect: float
    depth: float

    @property
    def axes(self) -> np.ndarray:
        """(3, 3) unit vectors in the world: right, up, towards the viewer."""
        return axes(self.azimuth_deg, self.elevation_deg)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return (…, 3) m right of, above and in front of the picture's centre for ``points`` (…, 3) m."""
        return (points - self.centre) @ self.axes.T


def view_of(points: np.ndarray, angles_deg: tuple[float, float], aspect: float) -> View:
    """Return the view from a direction that holds all ``points`` (point, 3) m within the margins."""
    turned = axes(*angles_deg)
    flat = points @ turned.T
    low, high = flat.min(0), flat.max(0)
    free = np.array([1 - MARGINS["left"] - MARGINS["right"], 1 - MARGINS["bottom"] - MARGINS["top"]])
    size = np.maximum(high - low, 1e-6)
    height = max(size[0] / free[0] / aspect, size[1] / free[1])
    off = np.array([MARGINS["right"] - MARGINS["left"], MARGINS["top"] - MARGINS["bottom"]]) / 2
    centre = (low + high) / 2
    centre[:2] += off * height * np.array([aspect, 1.0])
    return View(*angles_deg, centre @ turned, float(height), aspect, float(size[2]))
