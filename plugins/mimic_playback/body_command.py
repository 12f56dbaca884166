"""``mimic body``: what a body has, in tables and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mimic_core import Table, check_output
from mimic_core.cli import Json, Set, emit, load_plugins, settings, working

if TYPE_CHECKING:
    from mimic_core import BodyModel


def body(
    name: Annotated[str, typer.Argument(metavar="NAME[:VARIANT]|FILE", help="A body, or the file that describes one.")],
    out: Annotated[Path | None, typer.Option(help="Where a picture of it goes (.png).", show_default=False)] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Show a body."""
    from mimic_core import BodyModel
    from mimic_core.chain import make_body
    from mimic_playback.body_pictures import choose_renderer, draw

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
        Table(
            columns=("name", "body", "from", "to", "unit", "torque limit (N·m or N)"),
            rows=[[j["name"], j["body"], *j["range"], j["unit"], j["torque_limit"]] for j in summary["joints"]],
            caption="Joints",
        ),
        Table(
            columns=("name", "body", "x", "y", "z"),
            rows=[[k["name"], k["body"], *k["pos_mm"]] for k in summary["keypoints"]],
            caption="Keypoints, mm in the frame of their body",
        ),
    ]
    if summary["muscles"]:
        rows = [[x["name"], x["max_isometric_force"]] for x in summary["muscles"]]
        lines.append(Table(columns=("name", "N"), rows=rows, caption="Muscles"))
    if "picture" in summary:
        lines.append(f"picture → {summary['picture']['out']}")
    return lines
