"""Recovery from perturbations: how far, how long, and what the muscles did about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, Headline, Inputs, Result, Rollouts, Table, did_you_mean
from mimic_perturb.findings import Response
from mimic_perturb.response import (
    between_clips_mm,
    check_comparable,
    in_words,
    labels,
    mean_of,
    median_of,
    motor_delay_ms,
    respond,
)
from mimic_perturb.settings import Recovery

DOSE = (
    "Mean deviation from the undisturbed course, from the onset to the end of the clips, against the setting that "
    "differs between perturbations of one kind; bars: 95 % over clips. Dotted: how far undisturbed clips are from the "
    "mean of all."
)


def analysis(settings: Recovery):
    """Return ``analyse(inputs, context) -> Result``, which reads undisturbed rollouts and perturbed ones."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_perturb import dose, figures

        plain: Rollouts = inputs.one("rollouts")
        perturbed: tuple[Rollouts, ...] = inputs.all("perturbed")
        check_comparable(plain, perturbed)
        keypoints = _keypoints(plain, settings)
        found = [
            respond(plain, r, label, keypoints, settings) for r, label in zip(perturbed, labels(perturbed), strict=True)
        ]
        summaries = {r.label: _summary(r, plain.actuator_names) for r in found}
        between = between_clips_mm(plain, keypoints)
        by_dose = dose.curves(found)
        return Result(
            headlines=_headlines(summaries, between, settings),
            metrics={
                **summaries,
                "between_clips_mm": between,
                "clips": len(plain.clip_names),
                "settings": attrs.asdict(settings),
            },
            tables={
                "recovery": _recovery_table(summaries, between, settings),
                **({"intention": _intention_table(found)} if any(r.intention for r in found) else {}),
                "muscles": _muscle_table(summaries, settings),
                **({"dose": dose.table(by_dose, between)} if by_dose else {}),
                "tracking": _tracking_table(summaries),
                "clips": _clip_table(found, plain),
            },
            figures={
                "deviation": figures.deviation(found, between),
                "muscle_response": figures.muscle_response(found, plain.actuator_names, settings),
                **({"dose": dose.figure(by_dose, between)} if by_dose else {}),
            },
            captions={
                **({"dose": DOSE} if by_dose else {}),
                "deviation": f"Distance of {', '.join(keypoints)} (mean over them) from the undisturbed course, since "
                "the perturbation's onset: every clip (grey), mean (line) ± standard error of the mean (band), drawn "
                "for as long as half the clips last; dotted: how far undisturbed clips are from the mean of all. A "
                "perturbation that is over before that is shaded.",
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
                "responds_before": mean_of(r.false_alarm[:, i]),
                "mean_change": mean_of(r.mean_change[:, i]),
            }
            for i, name in enumerate(muscles)
        },
        **({} if r.intention is None else {"intention": _shift(r)}),
    }


def _shift(r: Response) -> dict[str, float]:
    of = r.intention
    return {"shift": of.shift, "spread": of.spread, "in_spreads": of.in_spreads, "uncertainty": of.uncertainty}


def _headlines(of: Mapping[str, dict[str, Any]], between: float, settings: Recovery) -> list[Headline]:
    """What is left of every deviation, beside no recovery at all and beside how far apart the clips are anyway."""
    out = []
    for label, s in of.items():
        errors = [s["error_mm"][w] for w in ("after", "during") if np.isfinite(s["error_mm"][w]["perturbed"])]
        beside = errors[0] if errors else {"undisturbed": float("nan"), "perturbed": float("nan")}
        note = (
            f"mean of the last {settings.end_ms:g} ms; tracking error {beside['perturbed']:.3g} mm, undisturbed "
            f"{beside['undisturbed']:.3g} mm"
        )
        nulls = {"no recovery: its peak": s["peak_mm"]["mean"], "a clip from the mean of all": between}
        left = s["left_mm"] if np.isfinite(s["left_mm"]) else None
        out.append(Headline(f"deviation left after {label}", left, "mm", note, nulls=nulls, better="lower"))
    return out


def _intention_table(found: Sequence[Response]) -> Table:
    return Table(
        columns=(
            "perturbation",
            "shift (SD of prior)",
            "own spread",
            "shift (own spread)",
            "encoder's SD",
            "peak (mm)",
        ),
        rows=[
            (
                r.label,
                r.intention.shift,
                r.intention.spread,
                r.intention.in_spreads,
                r.intention.uncertainty,
                mean_of(r.peak_mm),
            )
            for r in found
            if r.intention
        ],
        caption="How large the shift of the intention is: in standard deviations of the prior, in which it is given, "
        "and in units of the intention's own spread, its standard deviation over clips and time without a disturbance. "
        "Encoder's SD: how uncertain the controller itself is of its intention, in SD of the prior.",
    )


def _recovery_table(of: Mapping[str, dict[str, Any]], between: float, settings: Recovery) -> Table:
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
        f"of the last {settings.end_ms:g} ms of a clip, or of all since a later onset. Undisturbed clips are "
        f"{between:.2g} mm from the mean of all clips, on average.",
    )


def _muscle_table(of: Mapping[str, dict[str, Any]], settings: Recovery) -> Table:
    return Table(
        columns=(
            "perturbation",
            "muscle",
            "responds (%)",
            "before (%)",
            "latency (ms)",
            f"mean change of {settings.signal}",
        ),
        rows=[
            (label, name, 100 * m["responds"], 100 * m["responds_before"], m["latency_ms"], m["mean_change"])
            for label, s in of.items()
            for name, m in s["muscles"].items()
        ],
        caption=f"Muscles whose {settings.signal} differs by more than {settings.response:g} from the undisturbed "
        "one: share of clips, the same before the onset (what is no response; nan: nothing is before), median latency "
        "since the onset (nan: in half the clips or more it never does), and mean change over the first "
        f"{settings.window_ms:g} ms.",
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
