"""Pictures of a body in its reference pose."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mimic_core import BodyModel, atomic_path

if TYPE_CHECKING:
    import mujoco
    import numpy as np
    from matplotlib.figure import Figure


def choose_renderer() -> str | None:
    """Choose MuJoCo's way to draw, before MuJoCo is imported; None where none works."""
    from mimic_drawing import BACKENDS, renders

    if "MUJOCO_GL" not in os.environ:
        working_one = next((b for b in BACKENDS if renders(b)), None)
        if working_one is None:
            return None
        os.environ["MUJOCO_GL"] = working_one
    return os.environ["MUJOCO_GL"]


def draw(model: BodyModel, out: Path, backend: str | None) -> str:
    """Draw the body in its reference pose, its keypoints named; return what drew it.

    MuJoCo's renderer where graphics work, otherwise a stick figure.
    """
    import mujoco
    from matplotlib.figure import Figure

    data = mujoco.MjData(model.mj_model)
    data.qpos[:] = model.reference_qpos
    mujoco.mj_forward(model.mj_model, data)
    figure = Figure(figsize=(12.8, 9.6))
    if backend:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.imshow(_render(model, data))
        axes.set_axis_off()
    else:
        _stick_figure(figure, model, data)
    with atomic_path(out) as tmp:
        figure.savefig(tmp, dpi=100, format="png")
    return f"mujoco ({backend})" if backend else "matplotlib"


def _render(model: BodyModel, data: mujoco.MjData) -> np.ndarray:
    """Return a picture (row, column, rgb) seen from the left, a little from above."""
    import mujoco

    m, sites = model.mj_model, data.site_xpos[model.keypoint_site_ids]
    m.vis.global_.offwidth, m.vis.global_.offheight = 1280, 960
    low, high = sites.min(0), sites.max(0)
    camera, option = mujoco.MjvCamera(), mujoco.MjvOption()
    camera.lookat, camera.distance = (low + high) / 2, 1.6 * float((high - low).max())
    camera.azimuth, camera.elevation = -90.0, -20.0
    option.label = mujoco.mjtLabel.mjLABEL_SITE
    shown, hidden = 0, 1  # groups of sites; a model may have hundreds, for its muscles
    m.site_group[:] = hidden
    m.site_group[model.keypoint_site_ids] = shown
    option.sitegroup[:] = [group == shown for group in range(mujoco.mjNGROUP)]
    # near and far plane are in units of the extent, which a floor makes far too large
    m.stat.extent = camera.distance
    with mujoco.Renderer(m, height=960, width=1280) as renderer:
        renderer.update_scene(data, camera, option)
        names = {site: keypoint for keypoint, site in model.body.keypoints.items()}
        for geom in renderer.scene.geoms[: renderer.scene.ngeom]:
            geom.label = names.get(geom.label, "")  # a site may be called otherwise than its keypoint
        return renderer.render()


def _stick_figure(figure: Figure, model: BodyModel, data: mujoco.MjData) -> None:
    m = model.mj_model
    axes = figure.add_subplot(projection="3d")
    for body in range(1, m.nbody):
        if m.body_parentid[body]:
            axes.plot(*data.xpos[[m.body_parentid[body], body]].T, color="0.5")
    for name, pos in zip(model.keypoint_names, data.site_xpos[model.keypoint_site_ids], strict=True):
        axes.scatter(*pos, color="tab:green")
        axes.text(*pos, name)
    axes.set(xlabel="x, m", ylabel="y, m", zlabel="z, m", aspect="equal")
