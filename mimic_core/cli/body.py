"""``mimic body``"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, emit, load_plugins, settings, table, working
from mimic_core.cli.info import BACKENDS, renders
from mimic_core.files import atomic_path, check_output

if TYPE_CHECKING:
    import mujoco
    import numpy as np
    from matplotlib.figure import Figure

    from mimic_core.body.model import BodyModel


def body(
    name: Annotated[str, typer.Argument(metavar="NAME[:VARIANT]|FILE", help="A body, or the file that describes one.")],
    out: Annotated[Path | None, typer.Option(help="Where a picture of it goes (.png).", show_default=False)] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Build a body and show its joints, keypoints and muscles, to see whether they are what you meant.

    Example: `mimic body my_animal.toml --out my_animal.png`

    Settings of the body are given with `--set body.KEY=VALUE`.
    """
    from mimic_core.body.model import BodyModel
    from mimic_core.chain.choose import make_body

    given = settings(set_, "body")
    backend = None
    if out is not None:
        check_output(out)
        backend = choose_renderer()
    plugins = load_plugins()
    with working(plugins):
        model = BodyModel.compile(make_body(plugins, name, given))
        summary = describe(model)
        if out is not None:
            summary["picture"] = {"out": str(out), "drawn_by": draw(model, out, backend)}
    emit(summary, json, _lines(summary))


def describe(model: BodyModel) -> dict[str, Any]:
    """Return what a body has: lengths in m, masses in kg, hinges in degrees."""
    import numpy as np

    m, animal = model.mj_model, model.body
    reach = np.where(model.is_hinge[:, None], np.rad2deg(model.joint_range), model.joint_range)
    return {
        "name": animal.name,
        "variant": animal.variant,
        "mass_kg": float(m.body_mass.sum()),
        "root": model.root,
        "timestep_ms": float(m.opt.timestep * 1e3),
        "keypoint_spread_mm": animal.keypoint_spread * 1e3,
        "joints": [
            {
                "name": joint,
                "body": m.body(m.joint(joint).bodyid[0]).name,
                "unit": "deg" if hinge else "m",
                "range": [float(v) if np.isfinite(v) else None for v in limits],
                "torque_limit": animal.torque_limits.get(joint),
            }
            for joint, hinge, limits in zip(model.joint_names, model.is_hinge, reach, strict=True)
        ],
        "keypoints": [
            {
                "name": keypoint,
                "body": m.body(m.site_bodyid[site]).name,
                "pos_mm": [round(float(v), 6) for v in m.site_pos[site] * 1e3],
            }
            for keypoint, site in zip(model.keypoint_names, model.keypoint_site_ids, strict=True)
        ],
        "muscles": [{"name": x.name, "max_isometric_force": x.max_isometric_force} for x in animal.muscles],
    }


def _lines(summary: dict[str, Any]) -> list[Any]:
    held = f"free to move ({summary['root']})" if summary["root"] else "fixed in space"
    lines: list[Any] = [
        f"{summary['name']}: {summary['mass_kg'] * 1e3:.3g} g, {held}, physics in steps of "
        f"{summary['timestep_ms']:g} ms, keypoints expected within {summary['keypoint_spread_mm']:g} mm",
        table(
            "Joints",
            ["name", "body", "from", "to", "unit", "torque limit, N m (slide: N)"],
            [
                [j["name"], j["body"], *(_short(v) for v in j["range"]), j["unit"], _short(j["torque_limit"])]
                for j in summary["joints"]
            ],
        ),
        table(
            "Keypoints, mm in the frame of their body",
            ["name", "body", "x", "y", "z"],
            [[k["name"], k["body"], *(_short(v) for v in k["pos_mm"])] for k in summary["keypoints"]],
        ),
    ]
    if summary["muscles"]:
        rows = [[x["name"], _short(x["max_isometric_force"])] for x in summary["muscles"]]
        lines.append(table("Muscles", ["name", "N"], rows))
    if "picture" in summary:
        lines.append(f"picture → {summary['picture']['out']}")
    return lines


def _short(v: float | None) -> str:
    return "-" if v is None else f"{v:.4g}"


def choose_renderer() -> str | None:
    """Choose MuJoCo's way to draw, before MuJoCo is imported; None where none works."""
    if "MUJOCO_GL" not in os.environ:
        working_one = next((b for b in BACKENDS if renders(b)), None)
        if working_one is None:
            return None
        os.environ["MUJOCO_GL"] = working_one
    return os.environ["MUJOCO_GL"]


def draw(model: BodyModel, out: Path, backend: str | None) -> str:
    """Draw the body in its reference pose, its sites named; return what drew it.

    MuJoCo's renderer where graphics work, otherwise a stick figure.
    """
    import mujoco
    from matplotlib.figure import Figure

    data = mujoco.MjData(model.mj_model)
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
    # near and far plane are in units of the extent, which a floor makes far too large
    m.stat.extent = camera.distance
    with mujoco.Renderer(m, height=960, width=1280) as renderer:
        renderer.update_scene(data, camera, option)
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
