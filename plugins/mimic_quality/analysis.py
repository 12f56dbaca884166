"""Tables and numbers of the registration analysis."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, Headline, Inputs, ReferenceClips, Result, Table, did_you_mean
from mimic_core.records import describe, error_summary
from mimic_quality.measures import Measures, runs, window
from mimic_quality.settings import Settings

_OF_METHOD = (
    "method",
    "converged",
    "iterations",
    "orientation",
    "gaps_bridged",
    "clip_shift_mm_max",
    "clip_turn_deg_max",
)
"""What a registration may say about itself in the provenance of the clips, besides what their arrays hold."""


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads reference clips."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_quality import figures, ground, overlay

        clips: ReferenceClips = inputs.one("clips")
        for name in settings.show:
            if name not in clips.clip_names:
                near = did_you_mean(name, clips.clip_names)
                raise ConfigError(f"analyze.registration.show: no clip {name!r} in these clips{near}")
        m = Measures(clips, settings)
        shown = m.shown()
        tables = {
            "keypoint_error": keypoint_table(m),
            "free_parameters": freedom_table(m),
            "offsets": offset_table(m),
            "segments": segment_table(m),
            "joints": joint_table(m),
            "worst_frames": worst_table(m),
            "jumps": jump_table(m),
            "clips": clip_table(m),
        }
        floor = ground.Ground.of(m)
        tables |= ground.tables(floor) if floor else {}
        drawn = {
            "error_by_keypoint": figures.error_by_keypoint(m),
            "error_over_time": figures.error_over_time(m),
            "frames": overlay.frames(m, shown),
            "joint_angles": figures.joint_angles(m, shown),
            "root": figures.root(m, shown),
            "ground": ground.figure(floor, shown) if floor else None,
        }
        drawn = {name: figure for name, figure in drawn.items() if figure is not None}
        return Result(
            headlines=[headline(m), *([ground.headline(floor)] if floor else [])],
            metrics=metrics(m, shown) | ({"ground": ground.metrics(floor)} if floor else {}),
            tables={name: table for name, table in tables.items() if table.rows},
            figures=drawn,
            captions={name: c for name, c in captions(m, shown).items() if name in drawn},
            methods=methods(m),
        )

    return analyse


def keypoint_table(m: Measures) -> Table:
    def row(label: str, errors: np.ndarray, which: Any) -> tuple[Any, ...]:
        lost = (100 * _share(mask[..., which], m) for mask in (m.missing, m.jumped))
        standing = m.mean_pose[label if label in m.clips.keypoint_names else None]
        return (label, *describe(errors[..., which]).values(), standing, *lost)

    everything = slice(None)
    rows = [row("all", m.error_mm, everything)]
    if m.jumped.any():
        rows.append(row("all, with jumps", m.clips.error_mm, everything))
    mean = {k: describe(m.error_mm[..., k])["mean"] or 0.0 for k in range(len(m.clips.keypoint_names))}
    rows += [row(m.clips.keypoint_names[k], m.error_mm, [k]) for k in sorted(mean, key=mean.get, reverse=True)]
    return Table(
        columns=(
            "keypoint",
            "mean (mm)",
            "median (mm)",
            "p95 (mm)",
            "max (mm)",
            "mean pose (mm)",
            "missing (%)",
            "jumps (%)",
        ),
        rows=rows,
        caption="Distance of tracked keypoints from the fitted body, in mm of the animal, the worst first; frames "
        "judged jumps of the tracking are left out. Mean pose: what the body held in its mean pose gets, "
        f"{_carried(m)}.",
    )


def _carried(m: Measures) -> str:
    return f"each {'clip as a whole' if m.model.root is None else 'frame'} carried rigidly to where it fits best"


def freedom_table(m: Measures) -> Table:
    free = m.clips.provenance.get("free_parameters", {})
    known = int(3 * m.tracked.sum())
    return Table(
        columns=("fitted", "numbers"),
        rows=list(free.items()),
        caption=f"How many numbers were fitted to {known:,} coordinates of tracked keypoints. The error is on the very "
        "frames that they were fitted to; those of a clip alone (its shift, its turn) make it smaller without saying "
        "anything of other clips.",
    )


def headline(m: Measures) -> Headline:
    free = m.clips.provenance.get("free_parameters", {})
    own = {what: n for what, n in free.items() if what.endswith("of each clip")}
    shift = f"; each clip has numbers of its own ({', '.join(f'{k} {n}' for k, n in own.items())})" if own else ""
    return Headline(
        "registration error, jumps left out",
        describe(m.error_mm)["mean"],
        "mm",
        f"mean over keypoints, on the frames that were fitted{shift}",
        nulls={"body held in its mean pose": m.mean_pose[None]},
        better="lower",
    )


def _share(mask: np.ndarray, m: Measures) -> float:
    """Share of a clip's frames, of mask (clip, frame, keypoint)."""
    return float(mask[m.inside].mean())


def joint_table(m: Measures) -> Table:
    pos, speed, held = m.joint_pos[m.inside], np.abs(m.joint_vel[m.inside]), 100 * m.at_limit()
    rows = []
    for j, name in enumerate(m.model.joint_names):
        limits = [v if np.isfinite(v) else None for v in m.joint_range[j]]
        rows.append((name, m.units[j], pos[:, j].min(), pos[:, j].max(), *limits, *held[j], _largest(speed[:, j])))
    for name, (angle, turning, limit) in m.balls.items():
        angle, turning = angle[m.inside], turning[m.inside]
        at = 100 * float((angle >= limit * (1 - m.settings.limit_margin)).mean())
        most = limit if np.isfinite(limit) else None
        rows.append((f"{name} (angle)", "deg", angle.min(), angle.max(), None, most, 0.0, at, _largest(turning)))
    order = np.argsort([-(row[6] + row[7]) for row in rows], kind="stable")
    return Table(
        columns=(
            "joint",
            "unit",
            "min",
            "max",
            "lower limit",
            "upper limit",
            "at lower (%)",
            "at upper (%)",
            "top speed (/s)",
        ),
        rows=[rows[j] for j in order],
        caption="Joint positions over all frames, those most often at a limit first. Of a ball joint it is the angle "
        "from its reference orientation.",
    )


def _largest(values: np.ndarray) -> float | None:
    values = values[np.isfinite(values)]
    return values.max() if values.size else None


def offset_table(m: Measures) -> Table:
    moved, usual = m.offset_mm(), m.clips.body.keypoint_spread * m.mm
    return Table(
        columns=("keypoint", "moved (mm)", "expected (mm)", "beyond"),
        rows=[
            (m.clips.keypoint_names[k], moved[k], usual, "yes" if moved[k] > usual else "no")
            for k in np.argsort(-moved, kind="stable")
        ],
        caption="How far the registration moved each keypoint on its segment from where the body has it, and how far "
        "the body expects that to be.",
    )


def segment_table(m: Measures) -> Table:
    scale = m.clips.body.size
    return Table(
        columns=("segment", "factor", "animal over model"),
        rows=[(name, f, f * scale) for name, f in m.clips.body.segment_scale.items() if f != 1],
        caption=f"Lengths of segments beyond the overall scale of {scale:.3f}.",
    )


def worst_table(m: Measures) -> Table:
    clips = m.clips
    return Table(
        columns=("clip", "frame", "time (ms)", "keypoint", "error (mm)"),
        rows=[
            (clips.clip_names[c], f, 1e3 * f / clips.rate_hz, clips.keypoint_names[k], m.error_mm[c, f, k])
            for c, f, k in m.worst()
        ],
        caption="Largest errors, the worst frame of each clip and keypoint; frames count from 0, jumps are left out.",
    )


def jump_table(m: Measures) -> Table:
    clips, found = m.clips, []
    for c, clip in enumerate(clips.clip_names):
        for k, keypoint in enumerate(clips.keypoint_names):
            for first, last in runs(m.jumped[c, :, k]):
                error = clips.error_mm[c, first : last + 1, k].max()
                found.append((error, (clip, keypoint, first, last, 1e3 * first / clips.rate_hz, error)))
    return Table(
        columns=("clip", "keypoint", "first frame", "last frame", "time (ms)", "largest error (mm)"),
        rows=[row for _, row in sorted(found, reverse=True)],
        caption="Jumps of the tracking, the furthest from the fitted body first; frames count from 0.",
    )


def clip_table(m: Measures) -> Table:
    shift, rows = m.shift_mm(), []
    files = m.clips.provenance.get("files") or {}
    for c in np.argsort(-np.nan_to_num(m.clip_error_mm()), kind="stable"):
        error = describe(m.error_mm[c])
        gaps = _runs_of(m.missing[c])
        longest = max((last - first + 1 for first, last in gaps), default=0)
        rows.append(
            (
                m.clips.clip_names[c],
                int(m.clips.n_frames[c]),
                error["mean"],
                error["max"],
                len(gaps),
                1e3 * longest / m.clips.rate_hz,
                len(_runs_of(m.jumped[c])),
                shift[c],
                *([files.get(m.clips.clip_names[c], "")] if files else []),
            )
        )
    return Table(
        columns=(
            *("clip", "frames", "mean (mm)", "max (mm)", "gaps", "max gap (ms)", "jumps", "shift (mm)"),
            *(["file"] if files else []),
        ),
        rows=rows,
        caption="Clips, those with the largest mean error first. Gaps and jumps are runs of frames of one keypoint. "
        "Shift: distance of the clip's alignment from the median clip's; large where each file has its own origin.",
    )


def _runs_of(mask: np.ndarray) -> list[tuple[int, int]]:
    """Runs of mask (frame, keypoint), of all keypoints."""
    return [run for of_keypoint in mask.T for run in runs(of_keypoint)]


def metrics(m: Measures, shown: dict[str, int]) -> dict[str, Any]:
    clips, names, joints = m.clips, m.clips.keypoint_names, m.model.joint_names
    moved, usual, held = m.offset_mm(), clips.body.keypoint_spread * m.mm, m.at_limit()
    return {
        "clips": len(clips.clip_names),
        "frames": int(clips.n_frames.sum()),
        "rate_hz": clips.rate_hz,
        "error_mm": clips.error_summary(),
        "error_without_jumps_mm": error_summary(m.error_mm, names),
        "mean_pose_error_mm": {n or "mean": e for n, e in m.mean_pose.items()},
        "free_parameters": clips.provenance.get("free_parameters", {}),
        "missing_share": {n: _share(m.missing[..., i], m) for i, n in enumerate(names)},
        "jump_share": {n: _share(m.jumped[..., i], m) for i, n in enumerate(names)},
        "scale": clips.body.size,
        "segment_scale": dict(clips.body.segment_scale),
        "offset_moved_mm": dict(zip(names, moved.tolist(), strict=True)),
        "offset_beyond_spread": [n for n, d in zip(names, moved, strict=True) if d > usual],
        "share_at_lower_limit": dict(zip(joints, held[:, 0].tolist(), strict=True)),
        "share_at_upper_limit": dict(zip(joints, held[:, 1].tolist(), strict=True)),
        "clip_error_mm": {n: describe(m.error_mm[c]) for c, n in enumerate(clips.clip_names)},
        "worst_frames": [
            dict(zip(("clip", "frame", "time_ms", "keypoint", "error_mm"), row, strict=True))
            for row in worst_table(m).rows
        ],
        "registration": {key: clips.provenance[key] for key in _OF_METHOD if key in clips.provenance},
        "shown_clips": {label: clips.clip_names[c] for label, c in shown.items()},
        "settings": attrs.asdict(m.settings),
    }


def captions(m: Measures, shown: dict[str, int]) -> dict[str, str]:
    n = len(m.clips.clip_names)
    named = "; ".join(
        label if label == m.clips.clip_names[c] else f"{label}: {m.clips.clip_names[c]}" for label, c in shown.items()
    )
    jumps = " Jumps of the tracking are left out; their errors are drawn as crosses." if m.jumped.any() else ""
    over = f"{n} clips" if n > 1 else "the clip"
    width = window(m.common_frames)
    if width > 1:
        over += f", in windows of {1e3 * width / m.clips.rate_hz:g} ms"
    curve = f"mean (line) and 5th to 95th percentile (band) over {over}" if n > 1 or width > 1 else over
    long = " Of long recordings, means (lines) and extremes (bands) in windows."
    long = long if window(max(int(m.clips.n_frames[c]) for c in shown.values())) > 1 else ""
    return {
        "error_by_keypoint": "Distribution of the distance between each tracked keypoint and the fitted body, with its "
        f"median and 95th percentile, and the mean error of the body held in its mean pose.{jumps}",
        "error_over_time": f"Distance of each tracked keypoint from the fitted body: {curve}, "
        "for as long as half the clips last. Marks on top: frames where a clip misses the keypoint, or where it jumps.",
        "frames": f"Fitted body and tracked keypoints in single frames, from two sides ({named}), and "
        "the worst frames of all clips. Segments without keypoints are left out."
        + (" The body is turned to one heading." if m.model.root is not None else ""),
        "joint_angles": f"Joint positions ({named}). Dashed: limits, where they are near.{long}"
        + (" Marks at the bottom: frames with a jump of the tracking." if m.jumped.any() else ""),
        "ground": "Height of the lowest point of each body that meets the floor, over time "
        f"({named}). Grey: within what counts as touching.{long}",
        "root": f"Position of the animal, and its orientation as yaw, pitch and roll in this order ({named}).{long}",
    }


def methods(m: Measures) -> str:
    clips = m.clips
    method = clips.provenance.get("method")
    return (
        f"Clips: {len(clips.clip_names)} ({int(clips.n_frames.sum())} frames at {clips.rate_hz:g} Hz), registered "
        f"to the body {clips.body.name}{f' by the method {method}' if method else ''}. Error is the Euclidean distance "
        "between a tracked keypoint and the same keypoint of the fitted body, in millimetres of the animal: "
        f"{clips.body.size:.4g} times the model's. A tracked position that the fit believed by less than "
        f"{m.settings.jump_trust:g} (of 1) counts as a jump of the tracking and is left out of errors. Its null "
        f"model is the body held in its mean pose, {_carried(m)} (Kabsch 1976). A joint is at a "
        f"limit where it is within {100 * m.settings.limit_margin:g} % of its range of it."
    )
