"""The `paper_compat` analysis: every published pairing beside the right one."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, DataError, Emg, Headline, Inputs, Result, Rollouts, Table
from mimic_reach_paper.emg import column_pairs, emg_pairs
from mimic_reach_paper.findings import OF_TRAINING, TITLES, WRONG, Missing, Pair
from mimic_reach_paper.forecast import forecast_pairs
from mimic_reach_paper.reference import held_pairs, velocity_pairs
from mimic_reach_paper.settings import Compat
from mimic_sensitivity import ALL, Sensitivity

HEADLINES = {"emg_both": "excitation beside EMG", "control_cost": "control cost", "forecast": "forecast"}
"""pairing → what its numbers are called at the top of a report"""


def analysis(settings: Compat):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts, any number, and EMG where given."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_reach_paper import figures

        rollouts: tuple[Rollouts, ...] = inputs.all("rollouts")
        emg: Emg | None = inputs.maybe("emg")
        _check_alike(rollouts)
        found = [_pairs(r, emg, settings) for r in rollouts]
        pairs, missing = _mean_of(found), _missing(found)
        sensitivity: Sensitivity | None = inputs.maybe("sensitivity")
        drawn = figures.time_base(rollouts, emg, settings, sensitivity)
        return Result(
            headlines=_headlines(pairs),
            metrics={
                **_nested(pairs),
                "not_reproduced": {m.key: m.why for m in missing},
                "rollouts": len(rollouts),
                "settings": attrs.asdict(settings),
                **({"synthetic": True} if emg is not None and emg.synthetic else {}),
            },
            tables=_tables(pairs, missing, rollouts[0], settings),
            figures={"time_base": drawn} if drawn else {},
            captions={"time_base": _caption(emg, settings, sensitivity)} if drawn else {},
            methods=_methods(rollouts, emg, settings),
        )

    return analyse


def _check_alike(rollouts: Sequence[Rollouts]) -> None:
    first = rollouts[0]
    for r in rollouts[1:]:
        if (r.rate_hz, r.actuator_names) != (first.rate_hz, first.actuator_names):
            raise DataError(
                "paper_compat: the rollouts are of different bodies or control rates "
                f"({first.body_name}, {first.rate_hz:g} Hz; {r.body_name}, {r.rate_hz:g} Hz); give those of one"
            )


def _pairs(rollouts: Rollouts, emg: Emg | None, settings: Compat) -> list[Pair | Missing]:
    return [
        *emg_pairs(rollouts, emg, settings),
        *velocity_pairs(rollouts, settings),
        *held_pairs(rollouts, settings),
        *forecast_pairs(rollouts, emg, settings),
        *column_pairs(rollouts, emg, settings),
    ]


def _mean_of(found: Sequence[Sequence[Pair | Missing]]) -> list[Pair]:
    """Every pair once, its numbers the mean over rollouts."""
    groups: dict[tuple[str, ...], list[Pair]] = {}
    for pair in (p for pairs in found for p in pairs if isinstance(p, Pair)):
        groups.setdefault(pair.path, []).append(pair)
    order = list(TITLES)
    means = [
        attrs.evolve(
            g[0],
            **{way: float(np.mean([getattr(p, way) for p in g])) for way in ("published", "right")},
            nulls={name: float(np.mean([p.nulls[name] for p in g])) for name in g[0].nulls},
        )
        for g in groups.values()
    ]
    return sorted(means, key=lambda p: order.index(p.path[0]))


def _missing(found: Sequence[Sequence[Pair | Missing]]) -> list[Missing]:
    return list(dict.fromkeys(m for pairs in found for m in pairs if isinstance(m, Missing)))


def _nested(pairs: Sequence[Pair]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for pair in pairs:
        table = out
        for part in pair.path:
            table = table.setdefault(part, {})
        table |= {"published": pair.published, "right": pair.right}
        table |= {"nulls": {k.replace(" ", "_"): v for k, v in pair.nulls.items()}} if pair.nulls else {}
    return out


def _tables(
    pairs: Sequence[Pair], missing: Sequence[Missing], rollouts: Rollouts, settings: Compat
) -> dict[str, Table]:
    """A table of what bears on comparisons and one of what bears on training."""
    words = {
        **attrs.asdict(settings),
        "frame_ms": 1e3 / settings.camera_hz,
        "sim_ms": 1e3 * settings.drawn_steps / rollouts.rate_hz,
        "rate_hz": rollouts.rate_hz,
        "mislabelled": ", ".join(f"{name} was {other}" for name, other in settings.mislabelled.items()),
    }
    rows = [
        (p.path[0], (p.quantity, p.published, p.right, _in_words(p), WRONG[p.path[0]].format(**words))) for p in pairs
    ]
    rows += [(m.key, ("not reproduced", "", "", "", f"Not reproduced: {m.why}.")) for m in missing]
    captions = {
        "comparisons": "Comparisons of these rollouts the way that the paper's public code makes them, and the right "
        "way; each row has one fault alone, except 'both together'. Null models are computed the right way.",
        "training": "What the controller is trained on, computed from these rollouts the way that the paper's public "
        "code does it, and the right way.",
    }
    return {
        name: Table(
            columns=("pairing", "quantity", "published way", "right way", "null models", "what is wrong"),
            rows=[(TITLES[key], *cells) for key, cells in rows if (key in OF_TRAINING) == (name == "training")],
            caption=caption,
        )
        for name, caption in captions.items()
    }


def _in_words(pair: Pair) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in pair.nulls.items())


def _headlines(pairs: Sequence[Pair]) -> list[Headline]:
    """What the right way gives, with what the published way gives in the note, beside null models."""
    out = []
    for p in pairs:
        if p.path[0] in HEADLINES and p.nulls:
            of = {name: v if np.isfinite(v) else None for name, v in p.nulls.items()}
            right = p.right if np.isfinite(p.right) else None
            better = {"r": "higher", "mae": "lower"}.get(p.path[-1], "")
            label = f"{HEADLINES[p.path[0]]}, {p.quantity}"
            out.append(Headline(label, right, note=f"the published way: {p.published:.3g}", nulls=of, better=better))
    return out


def _beside(rollouts: Sequence[Rollouts], emg: Emg | None) -> str:
    if emg is None:
        return "No EMG was given, so that nothing is compared with it."
    made = "synthetic EMG" if emg.synthetic else "EMG"
    shared = sum(n in emg.trial_names for n in rollouts[0].clip_names) if emg.averaged_trials == 1 else 0
    if shared:
        return f"{made.capitalize() if emg.synthetic else made} and clips were paired trial by trial ({shared} trials)."
    return f"The mean {made} over trials stands beside the mean over clips, since no trial bears the name of a clip."


def _caption(emg: Emg | None, settings: Compat, sensitivity: Sensitivity | None) -> str:
    return (
        f"Excitation of each compared muscle, mean over clips, put beside EMG the published way (the first "
        f"{settings.drawn_steps} control steps, cut-off raw actions, drawn over {settings.drawn_ms:g} ms) and at the "
        f"instants at which it was applied. The dotted line is the end of the time that those steps last. "
        + ("No EMG was given." if emg is None else "EMG: mean over trials, with its standard error where known.")
        + (
            f" Thin dashes, about the right way: {sensitivity.said}."
            if sensitivity and ALL in sensitivity.parameters
            else ""
        )
    )


def _methods(rollouts: Sequence[Rollouts], emg: Emg | None, settings: Compat) -> str:
    rate = rollouts[0].rate_hz
    return (
        f"Pairings of the public notebooks of Leonardis et al. (2025, arXiv:2511.21848) were repeated on "
        f"{len(rollouts)} set(s) of rollouts at {rate:g} Hz; numbers are means over them. EMG was compared over "
        f"0-{settings.drawn_ms:g} ms at its own instants: the published way stretches the first "
        f"{settings.drawn_steps} control steps over that time, the right way puts each control step where it was "
        f"applied, both by linear interpolation. {_beside(rollouts, emg)} Published reference velocities are "
        f"differences between camera frames ({settings.camera_hz:g} Hz) over {settings.model_step_ms:g} ms, cut off at "
        f"{settings.cutoff_rad_s:g} rad/s. The held reference repeats each camera frame until the next one. Forecasts "
        f"are by simplex projection (Sugihara & May 1990, doi:10.1038/344734a0; pyEDM {version('pyEDM')}) "
        f"{settings.Tp} frames ahead, from {settings.joint_copies} copies of each joint angle and, where EMG of single "
        f"trials is forecast, {settings.action_copies} of each excitation, a frame apart; all are z-scored with the "
        f"library, each clip is embedded by itself, and both ways are scored by Pearson's r, which the notebook calls "
        f"ρ. Controls are means of {settings.shuffles} shuffles (seed {settings.seed})."
    )
