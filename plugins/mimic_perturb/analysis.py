"""Recovery from perturbations: how far, how long, and what the muscles did about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, Inputs, Result, Rollouts, Table, did_you_mean
from mimic_perturb.findings import Response
from mimic_perturb.response import check_comparable, in_words, labels, mean_of, median_of, motor_delay_ms, respond
from mimic_perturb.settings import Recovery


def analysis(settings: Recovery):
    """Return ``analyse(inputs, context) -> Result``, which reads undisturbed rollouts and perturbed ones."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_perturb import figures

        plain: Rollouts = inputs.one("rollouts")
        perturbed: tuple[Rollouts, ...] = inputs.all("perturbed")
        check_comparable(plain, perturbed)
        keypoints = _keypoints(plain, settings)
        found = [
            respond(plain, r, label, keypoints, settings) for r, label in zip(perturbed, labels(perturbed), strict=True)
        ]
        summaries = {r.label: _summary(r, plain.actuator_names) for r in found}
        return Result(
            metrics={
                **summaries,
                "clips": len(plain.clip_names),
                "settings": attrs.asdict(settings),
            },
            tables={
                "recovery": _recovery_table(summaries, settings),
                "muscles": _muscle_table(summaries, settings),
                "tracking": _tracking_table(summaries),
                "clips": _clip_table(found, plain),
            },
            figures={
                "deviation": figures.deviation(found),
                "muscle_response": figures.muscle_response(found, plain.actuator_names, settings),
            },
            captions={
                "deviation": f"Distance of {', '.join(keypoints)} (mean over them) from the undisturbed course, since "
                "the perturbation's onset: every clip (grey), mean (line) ± standard error of the mean (band), drawn "
                "for as long as half the clips last. A perturbation that is over before that is shaded.",
                "muscle_response": f"Change of {settings.signal} from the undisturbed rollouts, mean over clips, since "
                "the perturbation's onset; each panel has colours of its own. A vertical line marks the end of a "
                "perturbation that is over before the clips are.",
            },
            methods=_methods(plain, found, keypoints, settings),
        )

    return analyse


def _keypoints(rollouts: Rollouts, settings: Recovery) -> tuple[str, ...]:
    for name in settings.keypoints:
        if name not in rollouts.keypoint_names:
            known = did_you_mean(name, rollouts.keypoint_names)
            raise ConfigError(f"analyze.recovery.keypoints: no keypoint {name!r} in these rollouts{known}")
    return settings.keypoints or rollouts.moving_keypoints


def _summary(r: Response, muscles: Sequence[str]) -> dict[str, Any]:
    struck = np.isfinite(r.onset)
    responds = np.isfinite(r.latency_ms[struck]).mean(axis=0)
    return {
        "clips": int(struck.sum()),
        "peak_mm": {"mean": mean_of(r.peak_mm), "sd": float(np.nanstd(r.peak_mm)), "max": float(np.nanmax(r.peak_mm))},
        "peak_ms": median_of(r.peak_ms),
        "recovered": float(np.isfinite(r.recovery_ms[struck]).mean()),
        "recovery_ms": median_of(r.recovery_ms),
        "left_mm": mean_of(r.left_mm),
        "error_mm": {w: {"undisturbed": e[0], "perturbed": e[1]} for w, e in r.error_mm.items()},
        "muscles": {
            name: {
                "responds": float(responds[i]),
                "latency_ms": median_of(r.latency_ms[:, i]),
                "mean_change": mean_of(r.mean_change[:, i]),
            }
            for i, name in enumerate(muscles)
        },
    }


def _recovery_table(of: Mapping[str, dict[str, Any]], settings: Recovery) -> Table:
    columns = ("perturbation", "clips", "peak (mm)", "SD (mm)", "peak at (ms)", "recovered (%)", "recovery (ms)")
    return Table(
        columns=(*columns, "left (mm)"),
        rows=[
            (
                label,
                s["clips"],
                s["peak_mm"]["mean"],
                s["peak_mm"]["sd"],
                s["peak_ms"],
                100 * s["recovered"],
                s["recovery_ms"],
                s["left_mm"],
            )
            for label, s in of.items()
        ],
        caption="Deviation from the undisturbed course. Times are medians over clips since the perturbation's onset; "
        f"recovered: the deviation stays below {100 * settings.recovered_share:g} % of its peak or "
        f"{settings.recovered_mm:g} mm, whichever is larger (nan: half the clips or more do not recover); left: mean "
        f"of the last {settings.end_ms:g} ms of a clip, or of all since a later onset.",
    )


def _muscle_table(of: Mapping[str, dict[str, Any]], settings: Recovery) -> Table:
    return Table(
        columns=("perturbation", "muscle", "responds (%)", "latency (ms)", f"mean change of {settings.signal}"),
        rows=[
            (label, name, 100 * m["responds"], m["latency_ms"], m["mean_change"])
            for label, s in of.items()
            for name, m in s["muscles"].items()
        ],
        caption=f"Muscles whose {settings.signal} differs by more than {settings.response:g} from the undisturbed "
        "one: share of clips, median latency since the onset (nan: in half the clips or more it never does), and mean "
        f"change over the first {settings.window_ms:g} ms.",
    )


def _tracking_table(of: Mapping[str, dict[str, Any]]) -> Table:
    return Table(
        columns=("perturbation", "window", "undisturbed (mm)", "perturbed (mm)"),
        rows=[
            (label, window, *error.values())
            for label, s in of.items()
            for window, error in s["error_mm"].items()
            if np.isfinite(list(error.values())).all()  # what lasts throughout has no before and after
        ],
        caption="Tracking error, the distance from the registered reference, before, during and after the "
        "perturbation, in the same windows of both rollouts.",
    )


def _clip_table(found: Sequence[Response], plain: Rollouts) -> Table:
    rows = [
        (r.label, name, plain.split[c], 1e3 * r.onset[c], r.peak_mm[c], r.peak_ms[c], r.recovery_ms[c], r.left_mm[c])
        for r in found
        for c, name in enumerate(plain.clip_names)
    ]
    columns = ("perturbation", "clip", "split", "onset (ms)", "peak (mm)", "peak at (ms)", "recovery (ms)", "left (mm)")
    return Table(columns=columns, rows=rows, caption="Every clip; inf: it does not recover; nan: it was left alone.")


def _described(r: Response) -> str:
    given = {k: v for k, v in r.perturbation.settings.items() if v not in (None, "", [], ())}
    settings = ", ".join(f"{k} {in_words(v)}" for k, v in given.items())
    return f"{r.label} ({r.perturbation.name}: {settings})"


def _until(plain: Rollouts, settings: Recovery) -> str:
    if settings.signal != "excitation":
        return ""
    delay = motor_delay_ms(plain)
    before = f", {delay:g} ms before it reaches the muscles" if delay else ""
    return f" to the instant at which the controller sends it{before}"


def _methods(plain: Rollouts, found: Sequence[Response], keypoints: Sequence[str], settings: Recovery) -> str:
    return (
        f"{len(plain.clip_names)} clips were rolled out in closed loop at {plain.rate_hz:g} Hz (simulator "
        f"{plain.simulator}) without a disturbance and with each of: {'; '.join(map(_described, found))}. "
        "The controller was not trained again. "
        f"Deviation is the mean distance of {', '.join(keypoints)} between the two rollouts of a clip at the same "
        "instant, in millimetres of the animal. "
        f"A movement has recovered once its deviation stays below {100 * settings.recovered_share:g} % of its peak or "
        f"{settings.recovered_mm:g} mm, whichever is larger, until the clip's end; what is left is the mean of its "
        f"last {settings.end_ms:g} ms, or of all since a later onset. "
        f"A muscle responds once its {settings.signal} differs by more than {settings.response:g} from that of the "
        f"undisturbed rollout; its latency counts from the perturbation's onset{_until(plain, settings)}. "
        f"Mean changes are over the first {settings.window_ms:g} ms. Times are medians over clips. "
        "Rollouts of a controller that acts deterministically are the same until the onset: what differs later was "
        "caused by the perturbation."
    )
