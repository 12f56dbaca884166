"""What pictures of a body have in common: what can draw here, which geoms are seen and from where, the style
of figures and colours that are told apart with any colour vision.

A library that plugins share; it offers no component.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from mimic_drawing.style import BLACK as BLACK
from mimic_drawing.style import BLUE as BLUE
from mimic_drawing.style import CYCLE as CYCLE
from mimic_drawing.style import DIVERGING as DIVERGING
from mimic_drawing.style import GREEN as GREEN
from mimic_drawing.style import GREY as GREY
from mimic_drawing.style import ORANGE as ORANGE
from mimic_drawing.style import PINK as PINK
from mimic_drawing.style import SEQUENTIAL as SEQUENTIAL
from mimic_drawing.style import SKY as SKY
from mimic_drawing.style import VERMILLION as VERMILLION
from mimic_drawing.style import YELLOW as YELLOW
from mimic_drawing.style import style as style

if TYPE_CHECKING:
    import mujoco
    from matplotlib.colors import ListedColormap

    from mimic_core import Body

BACKENDS = ("egl", "osmesa", "glfw")
"""Ways to draw that MuJoCo may have here, as ``MUJOCO_GL`` names them; those that need no screen first."""
SHOWN_GROUPS = (0, 1, 2)
"""Groups of geoms that MuJoCo shows unless told otherwise; the others are for collisions and the like."""
ELEVATION_DEG = -15.0
"""Of the view that is chosen automatically: slightly from above, as a person looks at an animal on a table."""

_PROBE = "import mujoco; c = mujoco.GLContext(8, 8); c.make_current(); c.free()"


def renders(backend: str) -> bool:
    """Return whether MuJoCo can draw with ``backend``, one of `BACKENDS` or ``cgl``.

    It is tried in a process of its own, since MuJoCo chooses one per process, and a bad driver may end it.
    """
    env = {**os.environ, "MUJOCO_GL": backend}
    try:
        return subprocess.run([sys.executable, "-c", _PROBE], env=env, capture_output=True, timeout=30).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def axes(azimuth_deg: float, elevation_deg: float) -> np.ndarray:
    """(3, 3) unit vectors right, up and towards the viewer of a direction of view, angles as MuJoCo counts them."""
    (ca, sa), (ce, se) = ((np.cos(a), np.sin(a)) for a in np.deg2rad([azimuth_deg, elevation_deg]))
    return np.array([[sa, -ca, 0.0], [-se * ca, -se * sa, ce], [-ce * ca, -ce * sa, -se]])


def best_angles(keypoints: np.ndarray, everything: np.ndarray) -> tuple[float, float]:
    """Choose azimuth and elevation (deg) in which a movement is spread out most, and not behind the body.

    Args:
        keypoints: (step, keypoint, 3) m.
        everything: (point, 3) m, where the body is.
    """
    cloud = keypoints.reshape(-1, 3) - keypoints.mean((0, 1))
    moved = (keypoints - keypoints.mean(0)).std((0, 2))
    moving = np.average(keypoints.mean(0), axis=0, weights=moved) if moved.any() else keypoints.mean((0, 1))

    def spread(azimuth: float) -> float:
        flat = cloud @ axes(azimuth, ELEVATION_DEG)[:2].T
        return float(np.linalg.det(flat.T @ flat))

    def nearness(azimuth: float) -> float:
        return float((moving - everything.mean(0)) @ axes(azimuth, ELEVATION_DEG)[2])

    side = max(np.arange(0.0, 180.0, 5.0), key=spread)
    return float(max((side, side + 180.0), key=nearness)), ELEVATION_DEG


def seen_geoms(model: mujoco.MjModel) -> list[int]:
    """Geoms that are shown and have an end: planes and height fields would fill a picture."""
    import mujoco

    endless = (int(mujoco.mjtGeom.mjGEOM_PLANE), int(mujoco.mjtGeom.mjGEOM_HFIELD))
    return [
        g
        for g in range(model.ngeom)
        if model.geom_group[g] in SHOWN_GROUPS and model.geom_rgba[g, 3] > 0 and model.geom_type[g] not in endless
    ]


def add_sticks(spec: mujoco.MjSpec, body: Body) -> None:
    """Give a skeleton without geoms a stick from each body's origin to the next bodies and to its keypoints."""
    import mujoco

    sites = set(body.keypoints.values())
    for part in spec.bodies[1:]:
        for end in [*part.bodies, *(s for s in part.sites if s.name in sites)]:
            length = float(np.linalg.norm(end.pos))
            if length > 0:
                part.add_geom(
                    type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.05 * length, 0, 0], fromto=[0, 0, 0, *end.pos], mass=0
                )


def activation_map() -> ListedColormap:
    """The colours of activations from 0 to 1: dark blue over purple to orange, also in order without colour."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    # the map's bright end would be lost against the background
    return ListedColormap(colormaps["plasma"](np.linspace(0.0, 0.8, 256)), name="activation")
