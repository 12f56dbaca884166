"""Pictures by MuJoCo's own renderer, without a window."""

from __future__ import annotations

import importlib
import sys
import warnings

import mujoco
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from mimic_core import ConfigError
from mimic_drawing import renders
from mimic_playback.scene import Scene, options

_SPARE_GEOMS = 2000  # for muscles, keypoints and the reference, beyond what a model counts


class OpenGL:
    """Draws a scene with one of MuJoCo's ways to reach OpenGL; `close` it in the end.

    Raises:
        ConfigError: that way does not work here.
    """

    def __init__(self, scene: Scene, backend: str, width: int, height: int) -> None:
        self.scene, self.backend = scene, backend
        model = scene.model
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = 8
        self.camera = _camera(scene)
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._image: AxesImage | None = None
        self._pixels = np.empty((height, width, 3), np.uint8)
        self._scene = mujoco.MjvScene(model, maxgeom=4 * model.ngeom + _SPARE_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of glfw; what is wrong is said below
                self._gl = importlib.import_module(f"mujoco.{backend}").GLContext(width, height)
                self._gl.make_current()
                self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        # what is raised depends on the driver: ImportError, AttributeError, RuntimeError, mujoco.FatalError, …
        except Exception as e:
            raise ConfigError(
                f"renderer {backend}: does not work here ({' '.join(str(e).split())[:120] or type(e).__name__}); "
                "'mimic info' lists those that do, and matplotlib always works"
            ) from e
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)

    def pixels(self) -> np.ndarray:
        """(height, width, 3) of the scene as it is now, 0 to 255."""
        drawn = self._scene
        mujoco.mjv_updateScene(
            self.scene.model,
            self.scene.body,
            options(),
            mujoco.MjvPerturb(),
            self.camera,
            mujoco.mjtCatBit.mjCAT_ALL,
            drawn,
        )
        self.scene.add_to(drawn, flat=True)
        mujoco.mjr_render(self._rect, drawn, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)
        return self._pixels[::-1]

    def draw(self, axes: Axes) -> None:
        """Draw the scene as it is now, on axes that span its view."""
        if self._image is None:
            extent = (*axes.get_xlim(), *axes.get_ylim())
            self._image = axes.imshow(self.pixels(), extent=extent, interpolation="nearest", zorder=0)
        else:
            self._image.set_data(self.pixels())

    def close(self) -> None:
        self._context.free()
        self._gl.free()


def working_backend(scene: Scene, width: int, height: int) -> OpenGL | None:
    """Return MuJoCo's first way to draw that works here, those first that need no screen; None if none does."""
    for backend in {"darwin": ("cgl",), "win32": ("glfw",)}.get(sys.platform, ("egl", "osmesa")):
        if renders(backend):
            try:
                return OpenGL(scene, backend, width, height)
            except ConfigError:
                continue
    return None


def _camera(scene: Scene) -> mujoco.MjvCamera:
    """MuJoCo's camera of the scene's view."""
    model, view, camera = scene.model, scene.view, mujoco.MjvCamera()
    distance = view.height + 5 * view.depth  # in front of what is laid over the body
    model.vis.global_.orthographic = True
    model.vis.global_.fovy = view.height  # of a parallel projection it is a length
    model.stat.extent, model.vis.map.zfar = distance, 4.0
    camera.type = mujoco.mjtCamera.mjCAMERA_FREE
    camera.lookat[:] = view.centre
    camera.azimuth, camera.elevation, camera.distance = view.azimuth_deg, view.elevation_deg, distance
    return camera
