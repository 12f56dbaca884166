"""``mimic body``: what a body has, in tables and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mimic_core import Table, check_output
from mimic_core.cli import Json, Set, emit, load_plugins, settings, working

if TYPE_CHECKING:
    from mimic_core import Body, BodyModel, Plugins


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
        driven, refused = _driven(plugins, model.body)
        summary = describe(model, driven, refused)
        if out is not None:
            summary["picture"] = {"out": str(out), "drawn_by": draw(model, out, backend)}
    emit(summary, json, _lines(summary))


def _driven(plugins: Plugins, animal: Body) -> tuple[BodyModel | None, list[str]]:
    """The body with the actuators that it brings, if it brings any; else what is wrong with them."""
    from mimic_core import BodyModel, ConfigError

    for spec in plugins.all("actuation"):
        if spec.own is not None and spec.own(animal):
            try:
                return BodyModel.compile(animal, spec.build(spec.config(), animal)), []
            except ConfigError as e:
                return None, [str(e)]
    return None, []


def describe(model: BodyModel, driven: BodyModel | None = None, refused: Sequence[str] = ()) -> dict[str, Any]:
    """Return what a body has: lengths in m, masses in kg, hinges in degrees.

    Args:
        model: of the body.
        driven: the same with the actuators that it brings.
        refused: why it cannot be driven by those.
    """
    import mujoco
    import numpy as np

    m, animal = model.mj_model, model.body
    mm = 1e3 * animal.scale
    balls = np.flatnonzero(m.jnt_type == int(mujoco.mjtJoint.mjJNT_BALL))
    reach = np.where(model.is_hinge[:, None], np.rad2deg(model.joint_range), model.joint_range)
    return {
        "name": animal.name,
        "variant": animal.variant,
        "length_unit_m": animal.length_unit,
        "mass": float(m.body_mass.sum()),
        "root": model.root,
        "timestep_ms": float(m.opt.timestep * 1e3),
        "keypoint_spread_mm": animal.keypoint_spread * mm,
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
                "pos_mm": [round(float(v), 6) for v in m.site_pos[site] * mm],
            }
            for keypoint, site in zip(model.keypoint_names, model.keypoint_site_ids, strict=True)
        ],
        "ball_joints": [m.joint(j).name for j in balls],
        "muscles": [{"name": x.name, "max_isometric_force": x.max_isometric_force} for x in animal.muscles],
        "actuators": [] if driven is None else _actuators(driven),
        "remarks": [*animal.remarks, *refused, *_lacking(model)],
    }


def _actuators(driven: BodyModel) -> list[dict[str, Any]]:
    """The actuators of the model itself, with their control ranges."""
    import mujoco
    import numpy as np

    m, actuation = driven.mj_model, driven.actuation
    kinds = {"TENDON": m.tendon, "SITE": m.site, "BODY": m.body, "SLIDERCRANK": m.site}
    out = []
    for i, low, high in zip(range(m.nu), *map(np.atleast_1d, (actuation.low, actuation.high)), strict=True):
        where = mujoco.mjtTrn(m.actuator_trntype[i]).name.removeprefix("mjTRN_")
        named = kinds.get(where, m.joint)(m.actuator_trnid[i, 0]).name
        servo = m.actuator_biastype[i] == int(mujoco.mjtBias.mjBIAS_AFFINE)
        out.append(
            {
                "name": driven.actuator_names[i],
                "kind": "muscle" if i in driven.muscle_ids else "servo" if servo else "motor",
                "on": f"{where.lower()} {named}",
                "control": [float(low), float(high)],
            }
        )
    return out


def _lacking(model: BodyModel) -> list[str]:
    joints = [j for j in model.joint_names if j not in model.body.torque_limits]
    if not joints or model.body.muscles:
        return []
    return [
        f"no torque limit for {', '.join(joints)}: to drive these by ideal motors (actuation torque), give them in "
        """torque_limits of the description, by patterns such as "*" = 0.1 too, or by torque_limit_gravity = 3"""
    ]


def _lines(summary: dict[str, Any]) -> list[Any]:
    held = f"free to move ({summary['root']})" if summary["root"] else "fixed in space"
    in_si = summary["length_unit_m"] == 1
    mass = f"{summary['mass'] * 1e3:.3g} g" if in_si else f"mass {summary['mass']:.3g} in the model's unit"
    lines: list[Any] = [
        f"{summary['name']}: {mass}, {held}, physics in steps of "
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
    if summary["actuators"]:
        rows = [[a["name"], a["kind"], a["on"], *a["control"]] for a in summary["actuators"]]
        columns = ("name", "kind", "acts on", "from", "to")
        lines.append(Table(columns=columns, rows=rows, caption="The model's own actuators, control range"))
    if summary["ball_joints"]:
        lines.append(f"ball joints: {', '.join(summary['ball_joints'])}")
    lines += summary["remarks"]
    if "picture" in summary:
        lines.append(f"picture → {summary['picture']['out']}")
    return lines
