"""The `inverse` analysis: what the movement dictates, what a cost picks, and what the controller adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from mimic_core import (
    BodyModel,
    Context,
    Emg,
    Headline,
    Inputs,
    ReferenceClips,
    Result,
    Rollouts,
)
from mimic_inverse import tables, texts
from mimic_inverse.agreement import CONSTANT, OTHER_CLIP, beside, mean_of, recorded
from mimic_inverse.findings import Beside, Found
from mimic_inverse.held import held_on_emg
from mimic_inverse.sensitivity import of_controller, sensitivity
from mimic_inverse.settings import Settings
from mimic_sensitivity import ALL, Sensitivity
from mimic_static_optimisation import body_with_muscles
from mimic_static_optimisation.activation import Reach
from mimic_static_optimisation.dynamics import load_of, registered
from mimic_static_optimisation.effort import solver
from mimic_static_optimisation.solve import feasible_range, least_effort, trivial_shares

MIDDLE = "middle of all that is feasible"
"""Name of the null model of the controller's effort."""


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads clips, and rollouts and EMG where there are any."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_inverse import figures

        clips: ReferenceClips = inputs.one("clips")
        rollouts: Rollouts | None = inputs.maybe("rollouts")
        emg: Emg | None = inputs.maybe("emg")
        model = body_with_muscles(clips, rollouts, context.plugins)
        found = find(clips, model, rollouts, emg, settings, lambda done: context.progress(done, 1.0, {}))
        given: Sensitivity | None = inputs.maybe("sensitivity")
        if given is not None and rollouts is not None:
            spread = of_controller(given, rollouts, clips, model, found.movement)
            found = attrs.evolve(found, controller=spread, controller_said=given.said)
        drawn = {"activation": figures.activation(found), "torque": figures.torque(found)}
        drawn["infeasible"] = figures.infeasible(found)
        if found.beside is not None:
            drawn["controller"] = figures.controller(found)
        if found.varied:
            drawn["sensitivity"] = figures.sensitivity(found)
        headlines = _headlines(found)
        return Result(
            headlines=headlines,
            sentence=texts.sentence(found, headlines),
            metrics=_metrics(found, settings),
            tables=tables.all_tables(found, settings),
            figures=drawn,
            captions={k: v for k, v in texts.captions(found, settings).items() if k in drawn},
            methods=texts.methods(found, clips, settings),
        )

    return analyse


def find(
    clips: ReferenceClips,
    model: BodyModel,
    rollouts: Rollouts | None,
    emg: Emg | None,
    settings: Settings,
    told: Callable[[float], None] = lambda done: None,
) -> Found:
    """Find everything; ``told`` is called with the share of the work that is done."""
    movement = registered(clips, model, settings.lowpass_hz)
    load = load_of(model, movement)
    reach = lambda: Reach.of(model.mj_model, model.muscle_ids, movement.rate_hz)  # noqa: E731
    solutions = {
        name: least_effort(
            load,
            movement,
            solver(name, reach, settings.dynamic_rounds),
            settings.reserve_cost,
            settings.infeasible_share,
        )
        for name in settings.all_solutions
    }
    told(0.2)
    compared = solutions[settings.compare]
    # activation dynamics alone make a frame infeasible that any activation at that instant would serve
    instant = compared if settings.compare != "dynamic" else None
    if instant is None:
        squared = solver("squared", reach, settings.dynamic_rounds)
        instant = least_effort(load, movement, squared, settings.reserve_cost, settings.infeasible_share)
    feasible = feasible_range(load, instant, movement.frames_of(movement.evenly(settings.range_clips)))
    told(0.35)
    ours = None if rollouts is None else beside(rollouts, clips, model, movement, solutions, feasible, settings)
    told(0.5)
    curves = {name: s.activation for name, s in solutions.items()}
    if ours is not None:
        curves["controller"] = ours.activation
    emg_beside = () if emg is None else recorded(emg, clips, model, movement, curves, settings, feasible)
    return Found(
        joints=model.joint_names,
        muscles=model.muscle_names,
        movement=movement,
        load=load,
        solutions=solutions,
        feasible=feasible,
        infeasible=1.0 - float(instant.feasible.mean()),
        nulls=trivial_shares(load),
        beside=ours,
        recorded=emg_beside,
        held=held_on_emg(load, movement, emg_beside, model, settings.reserve_cost, settings.infeasible_share)
        if emg_beside
        else {},
        varied={}
        if settings.bodies == 0
        else sensitivity(clips, model, movement, emg, settings, lambda done: told(0.5 + 0.5 * done)),
    )


def _headlines(found: Found) -> list[Headline]:
    crossed = found.load.crossed
    solution, least = next(iter(found.solutions)), texts.named(next(iter(found.solutions)))
    out = [
        Headline(
            "torque that muscles cannot give",
            100 * float(found.left(found.compared.reserve)[crossed].mean()),
            "%",
            f"{least}, mean over joints; in {100 * found.infeasible:.3g} % of frames no activation gives the torque",
            nulls={k: 100 * float(v[crossed].mean()) for k, v in found.nulls.items()},
            better="lower",
        )
    ]
    if found.beside is not None:
        out += _beside_headlines(found.beside, solution, least)
    out += [
        Headline(
            f"{least} beside EMG, {r.name}: mean absolute error",
            r.mae[solution],
            "1",
            f"activation of {r.muscle}, mean over clips; nulls: the compared solution's other muscles"
            + _with_others(found, r.name),
            nulls={k: v for k, v in r.mae.items() if k not in (*found.solutions, "controller")},
            better="lower",
        )
        for r in found.recorded
    ]
    return out


def _with_others(found: Found, name: str) -> str:
    """What other muscle parameters make of an error beside EMG."""
    values = found.varied[ALL].emg_mae.get(name) if ALL in found.varied else None
    return "" if values is None else f"; {values.mean():.3g} ± {tables.sd(values):.2g} in bodies with other muscles"


def _beside_headlines(b: Beside, solution: str, least: str) -> list[Headline]:
    """A number of the controller beside the same number of null models."""

    def mean(values: np.ndarray) -> float | None:
        return float(np.mean(values)) if np.isfinite(values).all() else None

    note = f"mean over muscles; clips of one recording ({len(b.clips)})"
    return [
        Headline(
            texts.DIFFERENCE.format(least),
            mean(b.agreement[solution].mae),
            "1",
            note,
            nulls={k: mean(v.mae) for k, v in b.agreement.items() if k not in texts.SOLUTION_NAMES},
            better="lower",
        ),
        Headline(
            f"controller's variance that {least} explains",
            mean(b.agreement[solution].r2),
            "1",
            f"R² of an affine fit, {note}",
            nulls={k: mean(b.agreement[k].r2) for k in (CONSTANT, OTHER_CLIP)},
            better="higher",
        ),
        Headline(
            "controller inside the feasible range",
            _percent(mean(b.inside)),
            "%",
            f"of feasible frames, {note}",
            nulls={k: _percent(mean(v)) for k, v in b.inside_nulls.items()},
            better="higher",
        ),
        Headline(
            texts.EFFORT,
            b.effort / max(b.least_effort, 1e-300),
            "1",
            "Σa², in its own states",
            nulls={MIDDLE: _known(b.middle_effort / max(b.least_effort, 1e-300))},
            better="lower",
        ),
    ]


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _metrics(found: Found, settings: Settings) -> dict[str, Any]:
    load, crossed = found.load, found.load.crossed
    out: dict[str, Any] = {
        "clips": len(found.movement.n_frames),
        "frames": len(found.movement.qpos),
        "infeasible": found.infeasible,
        "held_at_limit": float((found.movement.beyond_deg > 0).any(axis=1).mean()),
        "joints": {
            name: {
                "torque_uNm": 1e6 * float(np.sqrt((load.torque[:, j] ** 2).mean())),
                "crossed": bool(crossed[j]),
                "reserve": {
                    **{k: _of_joint(found, s.reserve, j) for k, s in found.solutions.items()},
                    **{k: {"share": float(v[j])} for k, v in found.nulls.items()},
                },
            }
            for j, name in enumerate(found.joints)
        },
        "solutions": {
            name: {
                "infeasible": 1.0 - float(s.feasible.mean()),
                "effort": float((s.activation**2).sum(axis=1).mean()),
                "activation": _by_muscle(found, s.activation.mean(axis=0)),
            }
            for name, s in found.solutions.items()
        },
        "range_width": _by_muscle(found, mean_of(found.feasible.high - found.feasible.low)),
        "emg": {
            r.name: {
                "muscle": r.muscle,
                "mae": dict(r.mae),
                "r2": dict(r.r2),
                "reachable": None if r.reachable is None else attrs.asdict(r.reachable),
            }
            for r in found.recorded
        },
        "held": {name: attrs.asdict(h) for name, h in found.held.items()},
        "settings": attrs.asdict(settings),
    }
    if load.root is not None:
        out["root_residual_rms"] = np.sqrt((load.root**2).mean(axis=0)).tolist()
    if found.beside is not None:
        out["controller"] = _beside_metrics(found, found.beside)
    out["sd_of_course"] = {k: _by_muscle(found, mean_of(s.sd)) for k, s in found.bars.items()}
    if found.varied:
        out["sensitivity"] = {p: _varied_metrics(found, v) for p, v in found.varied.items()}
    return out


def _beside_metrics(found: Found, b: Beside) -> dict[str, Any]:
    return {
        "activation": _by_muscle(found, mean_of(b.activation)),
        "agreement": {
            name: {"mae": _by_muscle(found, a.mae), "r2": _by_muscle(found, a.r2)} for name, a in b.agreement.items()
        },
        "inside": _by_muscle(found, b.inside),
        "inside_nulls": {k: _by_muscle(found, v) for k, v in b.inside_nulls.items()},
        "effort": b.effort,
        "least_effort": b.least_effort,
        "middle_effort": _known(b.middle_effort),
    }


def _varied_metrics(found: Found, v: Any) -> dict[str, Any]:
    def spread(values: np.ndarray) -> Mapping[str, Any]:
        return {"mean": _by_muscle(found, values.mean(axis=0)), "sd": _by_muscle(found, tables.sd(values))}

    return {
        "solution": v.solution,
        "activation": spread(v.activation),
        "work_uJ": spread(v.work_uJ),
        "infeasible": {"mean": float(v.infeasible.mean()), "max": float(v.infeasible.max())},
        "emg_mae": {k: {"mean": float(x.mean()), "sd": float(tables.sd(x))} for k, x in v.emg_mae.items()},
    }


def _of_joint(found: Found, reserve: np.ndarray, j: int) -> dict[str, float]:
    size = np.abs(reserve[:, j])
    share = float(found.left(reserve)[j])
    return {"mean_uNm": 1e6 * float(size.mean()), "max_uNm": 1e6 * float(size.max()), "share": share}


def _by_muscle(found: Found, values: np.ndarray) -> dict[str, float | None]:
    return {n: float(v) if np.isfinite(v) else None for n, v in zip(found.muscles, values, strict=True)}
