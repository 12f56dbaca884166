"""The replay: a few clips of the rollouts as small numbers, for the page's own program to draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import Body, ConfigError, DataError, ReferenceClips, Rollouts, did_you_mean
from mimic_drawing import activation_map, axes, best_angles
from mimic_report.finished_run import FinishedRun
from mimic_report.geometry import Figurine, encoded
from mimic_report.settings import Settings

MAX_BYTES = 3_000_000
"""Of all clips together, before base64 adds a third; longer ones are shown at every second, third, … step."""
_MISSING, _MOST = -32768, 32000
_COLOURS = 64


def replay(run: FinishedRun, settings: Settings) -> dict[str, Any]:
    """Return what the section shows: ``scene``, or None with ``lacks``, what the run does not have.

    Raises:
        ConfigError: a clip is to be shown that the rollouts do not have.
    """
    file = run.output("rollout")
    if file is None:
        return {"scene": None, "lacks": "rollouts"}
    rollouts = Rollouts.load(file)
    body = rollouts.body or _body_of_clips(run.output("register"), rollouts)
    if body is None:
        return {"scene": None, "lacks": "body"}
    return {"scene": scene(rollouts, body, chosen(rollouts, settings)), "lacks": ""}


def _body_of_clips(file: Path | None, rollouts: Rollouts) -> Body | None:
    if file is None:
        return None
    clips = ReferenceClips.load(file)
    return clips.body if clips.joint_names == rollouts.joint_names else None


def chosen(rollouts: Rollouts, settings: Settings) -> dict[int, str]:
    """Index of each clip to show → what to call it: best, median and worst held-out clip, and others between them.

    Raises:
        ConfigError: ``settings.show`` names a clip that is not there.
    """
    errors, names = rollouts.clip_errors_mm(), rollouts.clip_names
    for name in settings.show:
        if name not in names:
            raise ConfigError(f"report.show: no clip {name!r} in the rollouts{did_you_mean(name, names)}")
    kind = "held-out" if "held_out" in rollouts.split else "clip"
    ranked = rollouts.ranked_clips()
    middle = (len(ranked) - 1) // 2
    ranks = np.unique(np.round(np.linspace(0, len(ranked) - 1, min(settings.clips, len(ranked)))).astype(int))
    ranks = sorted({*ranks.tolist(), middle}) if settings.clips > 2 else ranks.tolist()
    special = {len(ranked) - 1: "worst", middle: "median", 0: "best"}
    out = {int(ranked[r]): f"{special.get(r, f'rank {r + 1} of {len(ranked)}')} {kind}" for r in ranks}
    out |= {i: rollouts.split[i].replace("_", "-") for i in map(names.index, settings.show) if i not in out}
    return {i: f"{what}, {errors[i]:.2g} mm: {names[i]}" for i, what in out.items()}


@attrs.frozen(eq=False)
class _Clip:
    """What is shown of one clip: column name → (step, …) in m, of quaternions, or without unit."""

    name: str
    label: str
    columns: dict[str, np.ndarray]


def scene(rollouts: Rollouts, body: Body, clips: dict[int, str]) -> dict[str, Any]:
    """Return everything that the page's program reads; lengths are in half the size of the whole scene."""
    if rollouts.qpos.shape[-1] != (figurine := Figurine.of(body)).model.nq:
        raise DataError(
            f"report: rollouts have {rollouts.qpos.shape[-1]} coordinates, but their body has {figurine.model.nq}; "
            "make them again with 'mimic rollout'"
        )
    taken = _stride(rollouts, clips, figurine)
    every = [_clip(rollouts, i, label, figurine, taken) for i, label in clips.items()]
    points = np.concatenate([_points(c) for c in every])
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    centre, unit = (low + high) / 2, float(np.max(high - low)) / 2 + figurine.size_m()
    layout, width = _layout(every, unit)
    geoms, meshes = figurine.shapes(centre, unit)
    signed = bool(np.nanmin([np.nanmin(c.columns["activation"], initial=0.0) for c in every]) < 0)
    return {
        "rate_hz": rollouts.rate_hz / taken,
        "mm_per_unit": 1e3 * unit * body.scale,
        "columns": layout,
        "width": width,
        "signed": signed,
        "colours": _colours(signed),
        "actuators": [n for n in rollouts.actuator_names if n not in rollouts.reserve_names],
        "muscles": _muscles(figurine, rollouts),
        "keypoints": [{"name": k, "fixed": k in rollouts.fixed_keypoints} for k in rollouts.keypoint_names],
        "geoms": geoms,
        "floor": figurine.floor(centre, unit),
        "meshes": meshes,
        "view": _view(rollouts, clips, points, centre, unit, figurine.size_m()),
        "first": next((n for n, label in enumerate(clips.values()) if label.startswith("median")), 0),
        "clips": [
            {
                "name": c.name,
                "label": c.label,
                "steps": len(c.columns["body"]),
                "data": encoded(_packed(c, layout, centre, unit)),
            }
            for c in every
        ],
    }


def _stride(rollouts: Rollouts, clips: dict[int, str], figurine: Figurine) -> int:
    """How many control steps are taken at once so that the page stays small."""
    poses = 14 * len(figurine.parts) + 3 * sum(map(len, figurine.muscles.values()))
    words = poses + len(rollouts.actuator_names) + 8 * len(rollouts.keypoint_names)
    steps = sum(int(rollouts.n_steps[i]) for i in clips)
    return max(1, -(-2 * words * steps // MAX_BYTES))


def _clip(rollouts: Rollouts, clip: int, label: str, figurine: Figurine, taken: int) -> _Clip:
    steps = slice(0, int(rollouts.n_steps[clip]), taken)
    body, muscles = figurine.poses(rollouts.qpos[clip, steps])
    own = len(rollouts.actuator_names) - len(rollouts.reserve_names)  # reserves, which no muscle shows, come last
    columns = {"body": body, "muscles": muscles}
    if rollouts.ref_qpos is not None:
        columns["reference"], _ = figurine.poses(rollouts.ref_qpos[clip, steps])
    columns |= {
        "activation": rollouts.activation[clip, steps, :own],
        "keypoints": rollouts.site_pos[clip, steps],
        "tracked": rollouts.tracked_pos[clip, steps],
        "error": rollouts.error_mm[clip, steps],
        "tracked_error": rollouts.tracked_error_mm[clip, steps],
    }
    return _Clip(rollouts.clip_names[clip], label, columns)


def _points(clip: _Clip) -> np.ndarray:
    """(point, 3) m of everything in the clip that has a place."""
    places = [clip.columns[k] for k in ("keypoints", "tracked", "muscles")]
    places += [clip.columns[k][..., :3] for k in ("body", "reference") if k in clip.columns]
    return np.concatenate([p.reshape(-1, 3) for p in places])


def _layout(clips: list[_Clip], unit: float) -> tuple[dict[str, dict[str, float]], int]:
    """Where each column begins, how many numbers it has, and what one step of its whole numbers means."""
    layout, at = {}, 0
    for name, first in clips[0].columns.items():
        of = int(np.prod(first.shape[1:]))
        if name in ("activation", "error", "tracked_error"):
            most = max(float(np.nanmax(np.abs(c.columns[name]), initial=1e-6)) for c in clips)
        else:
            most = 1.0
        layout[name] = {"at": at, "of": of, "unit": most / _MOST}
        at += of
    return layout, at


def _packed(clip: _Clip, layout: dict[str, dict[str, float]], centre: np.ndarray, unit: float) -> np.ndarray:
    """(step, number) 16-bit whole numbers; missing is -32768."""
    out = []
    for name, values in clip.columns.items():
        if name in ("body", "reference"):
            values = np.concatenate([(values[..., :3] - centre) / unit, values[..., 3:]], axis=-1)
        elif name in ("muscles", "keypoints", "tracked"):
            values = (values - centre) / unit
        flat = values.reshape(len(values), -1) / layout[name]["unit"]
        out.append(np.where(np.isfinite(flat), np.clip(np.round(flat), -32767, 32767), _MISSING))
    return np.concatenate(out, axis=1)


def _muscles(figurine: Figurine, rollouts: Rollouts) -> list[dict[str, Any]]:
    """Where each muscle's path is among the points, and whose activation it shows."""
    out, at = [], 0
    for name, path in figurine.muscles.items():
        if name in rollouts.actuator_names:
            actuator = rollouts.actuator_names.index(name)
            out.append({"name": name, "from": at, "to": at + len(path), "actuator": actuator})
        at += len(path)
    return out


def _colours(signed: bool) -> list[str]:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    from mimic_drawing import DIVERGING

    colours = colormaps[DIVERGING] if signed else activation_map()
    return [to_hex(c) for c in colours(np.linspace(0, 1, _COLOURS))]


def _view(
    rollouts: Rollouts, clips: dict[int, str], points: np.ndarray, centre: np.ndarray, unit: float, margin: float
) -> dict[str, float]:
    """The direction in which the movements are spread out most, and what the picture holds from there."""
    movement = np.concatenate([rollouts.site_pos[i, : int(rollouts.n_steps[i])] for i in clips])
    places = points[np.isfinite(points).all(1)]
    azimuth, elevation = best_angles(movement, places)
    flat = (places - centre) @ axes(azimuth, elevation)[:2].T
    low, high = flat.min(0), flat.max(0)
    across, up = (low + high) / 2 / unit
    radius = (float(np.max(high - low)) / 2 + 0.5 * margin) / unit
    return {"azimuth": azimuth, "elevation": elevation, "radius": radius, "across": float(across), "up": float(up)}
