"""Tracking error and muscle use of rollouts."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, Headline, Inputs, Result, Rollouts, Table, did_you_mean
from mimic_core.records import describe
from mimic_tracking.findings import SPLITS, Entry, entries, headline, held_out_words, over_what, summary
from mimic_tracking.free import Free
from mimic_tracking.measures import representative, splits
from mimic_tracking.reserves import headlines as reserve_headlines
from mimic_tracking.reserves import summary as reserve_summary
from mimic_tracking.reserves import table as reserve_table
from mimic_tracking.settings import Settings
from mimic_tracking.tables import window_table
from mimic_tracking.windows import FIRST_MS, Windows


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_tracking import figures

        rollouts: Rollouts = inputs.one("rollouts")
        shown = _shown(rollouts, settings)
        windows = Windows.of(rollouts, settings.reach_ms)
        found = entries(rollouts, windows)
        free = Free.of(rollouts, settings.lost_mm, settings.lost_deg)
        use, reserves = muscle_use(rollouts, settings.saturation), reserve_summary(rollouts)
        metrics = {
            **summary(rollouts, windows),
            "joint_deg": {j: describe(e)["mean"] for j, e in _joint_errors(rollouts, slice(None)).items()},
            "muscles": use,
            "shown_clips": {label: rollouts.clip_names[c] for label, c in shown.items()},
            "settings": attrs.asdict(settings),
            **({"free": free.summary()} if free else {}),
            **({"reserves": reserves} if reserves else {}),
        }
        named = "; ".join(f"{label}: {rollouts.clip_names[c]}" for label, c in shown.items())
        joints, every = len(figures.drawn_joints(rollouts, list(shown.values()))), len(rollouts.joint_names)
        which = f" Of {every} joints the {joints} that are furthest off." if joints < every else ""
        until = f"Drawn for as long as half the clips last (of {len(rollouts.clip_names)})."
        return Result(
            headlines=[
                *(free.headlines() if free else []),
                *_headlines(found, rollouts),
                *reserve_headlines(rollouts),
            ],
            metrics=metrics,
            tables={
                **({"root_followed": free.table()} if free else {}),
                "windows": _windows_table(found["reference"], rollouts, windows, "registered reference"),
                "windows_tracked": _windows_table(found["tracked"], rollouts, windows, "tracked keypoints"),
                "keypoint_error": _keypoint_table(rollouts),
                "joint_error": _joint_table(rollouts),
                "muscle_use": _muscle_table(use, settings.saturation),
                **({"reserves": reserve_table(reserves)} if reserves else {}),
            },
            figures={
                **({"root_followed": figures.surviving(free)} if free else {}),
                "joint_angles": figures.joint_angles(rollouts, shown),
                "error_beside_nulls": figures.beside_nulls(rollouts, windows),
                "keypoint_error_over_time": figures.error_over_time(rollouts, rollouts.moving_keypoints),
                "keypoint_error_by_clip": figures.error_by_clip(rollouts, rollouts.moving_keypoints),
                "activation": figures.activation(rollouts),
            },
            captions={
                **({"root_followed": _free_caption(free)} if free else {}),
                "joint_angles": f"Joint angles of the reference and of the rollout ({named}).{which}",
                "error_beside_nulls": "Distance from the registered reference of the controller and of null models, "
                f"mean over moving keypoints: median over clips, on a logarithmic scale. {windows.in_words()} Dotted: "
                f"its median end. {until}",
                "keypoint_error_over_time": "Distance of each keypoint from the registered reference: median (line) "
                f"and 5th to 95th percentile (band) over clips. {until}",
                "keypoint_error_by_clip": "Mean error of each clip (dots) by keypoint and split; boxes span the "
                "quartiles, whiskers 1.5 interquartile ranges.",
                "activation": "Activation of each muscle: mean (line) ± standard error of the mean (band) over "
                f"clips. {until}",
            },
            methods=_methods(rollouts, settings, windows) + (_free_methods(free) if free else ""),
        )

    return analyse


def _free_caption(free: Free) -> str:
    return (
        f"Share of the windows whose root is still followed ({free.in_words()}), by time since the window's start in "
        "the reference's state: of the controller, and of null models in the same physics."
    )


def _free_methods(free: Free) -> str:
    return (
        f" The body moves freely. Its root is {free.in_words()}; a body whose physics diverged is lost. Every window "
        "begins in the reference's state. Keypoints in the root's frame are compared as each body's own root sees "
        "them. Null models in the same physics, from the same starts: the limp body, without any excitation, and a "
        "body whose actuators hold the mean pose of the training movements. There a motor is a critically damped servo "
        "of the same greatest torque, which it gives at 0.5 rad; a servo of the model gets the control whose rest is "
        "the mean pose; a muscle the least activation that holds it."
    )


def _shown(rollouts: Rollouts, settings: Settings) -> dict[str, int]:
    for name in settings.show:
        if name not in rollouts.clip_names:
            near = did_you_mean(name, rollouts.clip_names)
            raise ConfigError(f"analyze.tracking.show: no clip {name!r} in these rollouts{near}")
    return {n: rollouts.clip_names.index(n) for n in settings.show} or representative(rollouts)


def _keypoint_table(rollouts: Rollouts) -> Table:
    against = {"registered reference": rollouts.error_mm, "tracked keypoints": rollouts.tracked_error_mm}
    names = rollouts.keypoint_names
    groups = {"all moving": [names.index(n) for n in rollouts.moving_keypoints]}
    groups |= {n + (" (fixed)" if n in rollouts.fixed_keypoints else ""): [names.index(n)] for n in names}
    rows = []
    for split, clips in splits(rollouts).items():
        for what, error in against.items():
            rows += [(split, what, name, *describe(error[clips][..., i]).values()) for name, i in groups.items()]
    columns = ("split", "against", "keypoint", "mean (mm)", "median (mm)", "p95 (mm)", "max (mm)")
    return Table(
        columns=columns,
        rows=rows,
        caption="Distance between the rollout's keypoints and what they should follow, in mm of the animal; "
        "keypoints that the body cannot move are left out of 'all moving'.",
    )


def _joint_errors(rollouts: Rollouts, clips: Any) -> dict[str, np.ndarray]:
    error = np.rad2deg(np.abs(rollouts.joint_pos - rollouts.ref_joint_pos))[clips]
    return {j: error[..., i] for i, j in enumerate(rollouts.joint_names)}


def _joint_table(rollouts: Rollouts) -> Table:
    rows = [
        (split, joint, *describe(e).values())
        for split, clips in splits(rollouts).items()
        for joint, e in _joint_errors(rollouts, clips).items()
    ]
    return Table(
        columns=("split", "joint", "mean (deg)", "median (deg)", "p95 (deg)", "max (deg)"),
        rows=rows,
        caption="Absolute difference between the rollout's joint angles and the reference.",
    )


def muscle_use(rollouts: Rollouts, saturation: float) -> dict[str, dict[str, float]]:
    """Mean and peak activation and excitation of each actuator but reserves, and the share of steps it is saturated."""
    out = {}
    for name in (n for n in rollouts.actuator_names if n not in rollouts.reserve_names):
        a, u = (x[np.isfinite(x)] for x in (rollouts.of("activation", name), rollouts.of("excitation", name)))
        out[name] = {
            "mean_activation": float(a.mean()) if a.size else float("nan"),
            "peak_activation": float(a.max()) if a.size else float("nan"),
            "mean_excitation": float(u.mean()) if u.size else float("nan"),
            "peak_excitation": float(u.max()) if u.size else float("nan"),
            "saturated": float((np.abs(u) >= saturation).mean()) if u.size else float("nan"),
        }
    return out


def _muscle_table(use: dict[str, dict[str, float]], saturation: float) -> Table:
    return Table(
        columns=("muscle", "mean activation", "peak activation", "mean excitation", "peak excitation", "saturated (%)"),
        rows=[
            (
                m,
                u["mean_activation"],
                u["peak_activation"],
                u["mean_excitation"],
                u["peak_excitation"],
                100 * u["saturated"],
            )
            for m, u in use.items()
        ],
        caption="Muscle use over all clips; saturated: share of control steps with an excitation of "
        f"{saturation:g} or more.",
    )


def _headlines(found: dict[str, dict[str, dict[str, Entry]]], rollouts: Rollouts) -> list[Headline]:
    """What the stage that made the rollouts does not show: the hardest part, and the distance from what was tracked."""
    split, first = next(iter(found["reference"])), f"first {FIRST_MS:g} ms"
    shown = [("tracking error", first, "reference"), ("distance from tracked keypoints", "whole", "tracked")]
    return [headline(what, split, window, found[against][split][window], rollouts) for what, window, against in shown]


def _windows_table(of: dict[str, dict[str, Entry]], rollouts: Rollouts, windows: Windows, against: str) -> Table:
    said = "; ".join(f"{SPLITS[split]}: {over_what(rollouts, split)}" for split in of)
    return window_table(
        {split: {w: attrs.asdict(e) for w, e in by.items()} for split, by in of.items()},
        f"Mean distance from the {against} by window, mm of the animal, beside what null models get. "
        f"{windows.in_words()} Intervals are {said}.",
    )


def _methods(rollouts: Rollouts, settings: Settings, windows: Windows) -> str:
    fixed = ", ".join(rollouts.fixed_keypoints)
    left_out = f" Keypoints that the body cannot move ({fixed}) are left out of the means." if fixed else ""
    reserves = (
        f" Beside its own actuators the body has {len(rollouts.reserve_names)} reserves, ideal motors that stand for "
        "muscles which it lacks (Hicks et al. 2015); what they gave is told apart."
        if rollouts.reserve_names
        else ""
    )
    held = held_out_words(rollouts)
    limp = "" if rollouts.limp_site_pos is not None else " (these rollouts do not hold it)"
    counts = ", ".join(f"{int(c.sum())} {s.replace('_', '-')}" for s, c in splits(rollouts).items() if s != "all")
    return (
        f"{len(rollouts.clip_names)} clips ({counts}) were rolled out in closed loop with the simulator "
        f"{rollouts.simulator} at {rollouts.rate_hz:g} Hz. Keypoint error is the Euclidean distance between rollout "
        "and reference at the same instant, in millimetres of the animal: against the registered reference (what the "
        "body can do) and against the tracked keypoints (which includes the registration's own error). Percentiles "
        f"are over all control steps of all clips of a split.{left_out} {windows.in_words()} Null models, judged by "
        "the same distance: the mean training movement, replayed (the mean over training clips of the reference's "
        "keypoints so long after the clip's start; a training clip is left out of its own mean); the limp body, from "
        f"the same start without any excitation{limp}; the reference one control step late, which is no trivial "
        "answer but what perfect following with a delay of one step would get. Intervals (95 %) are by the "
        "hierarchical bootstrap: animals are drawn first, then clips of each (Saravanan et al. 2020), with percentiles "
        "widened for few clips (Hesterberg 2015). They span clips, not seeds. "
        f"{held[0].upper()}{held[1:]}. "
        "Joint error is the absolute difference of the angles. "
        f"Excitations of at least {settings.saturation:g} count as saturated.{reserves}"
    )
