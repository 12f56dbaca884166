"""How much activation and work depend on muscle parameters that nobody measured in this animal."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from mimic_core import BodyModel, Emg, ReferenceClips, Rollouts
from mimic_inverse.agreement import controller_by_clip, mean_course, mean_mae, recorded
from mimic_inverse.findings import Varied
from mimic_inverse.settings import Settings
from mimic_sensitivity import ALL, PARAMETERS, Sensitivity, Spread, altered_bodies, of_clips
from mimic_static_optimisation.activation import Reach
from mimic_static_optimisation.dynamics import Load, Movement, load_of
from mimic_static_optimisation.effort import solver
from mimic_static_optimisation.solve import least_effort

_ROUNDS = 2
"""Rounds of linearisation of the solution with activation dynamics, for bodies as they are and altered alike."""


def sensitivity(
    clips: ReferenceClips,
    model: BodyModel,
    movement: Movement,
    emg: Emg | None,
    settings: Settings,
    told: Callable[[float], None],
) -> dict[str, Varied]:
    """Solve the same movement in bodies with other muscles.

    Activation times matter only for the solution with activation dynamics; that one is taken for them.

    Args:
        clips, model, movement, emg: as they are.
        settings: spread, bodies, clips and seed.
        told: is called with the share of the work that is done.
    """
    chosen = movement.evenly(settings.sensitivity_clips)
    some = movement.only(chosen)
    some_clips = of_clips(clips, chosen)
    solution_of = {p: "dynamic" if p == "activation_time" else settings.compare for p in PARAMETERS}
    solved = lambda bodies, solution: _solved(bodies, solution, some_clips, model, some, emg, settings)  # noqa: E731
    as_it_is = {s: solved([model.mj_model], s) for s in set(solution_of.values())}
    out = {}
    for parameter, solution in solution_of.items():
        how = {"spread": settings.spread, "bodies": settings.bodies, "seed": settings.seed}
        bodies = altered_bodies(parameter, model, **how).models(model.mj_model)
        out[parameter] = attrs.evolve(solved(bodies, solution), unchanged=as_it_is[solution])
        told(len(out) / len(PARAMETERS))
    return out


def of_controller(
    found: Sensitivity, rollouts: Rollouts, clips: ReferenceClips, model: BodyModel, movement: Movement
) -> Spread | None:
    """Spread of the controller's mean activation (frame, muscle) over altered bodies; None if not all were varied."""
    if ALL not in found.parameters:
        return None
    bodies = found.rollouts(found.controller_among([rollouts]))
    courses = {b: mean_course(controller_by_clip(bodies[b], clips, model, movement)) for b in (0, *found.places(ALL))}
    return Spread.of([courses[b] for b in found.places(ALL)], courses[0])


def _solved(bodies, solution, clips, model, movement, emg, settings) -> Varied:
    activation, course, work, infeasible, maes = [], [], [], [], []
    for mj_model in bodies:
        load = load_of(model, movement, mj_model)
        optimise = solver(
            solution,
            lambda m=mj_model: Reach.of(m, model.muscle_ids, movement.rate_hz),
            min(settings.dynamic_rounds, _ROUNDS),
        )
        found = least_effort(load, movement, optimise, settings.reserve_cost, settings.infeasible_share)
        activation.append(found.activation.mean(axis=0))
        course.append(mean_course(movement.by_clip(found.activation)))
        work.append(1e6 * positive_work(load, found.activation, movement))
        infeasible.append(1.0 - found.feasible.mean())
        if emg is not None:
            curves = {solution: found.activation}
            maes.append(mean_mae(recorded(emg, clips, model, movement, curves, settings), solution))
    by_muscle = {k: np.array([m[k] for m in maes]) for k in (maes[0] if maes else ())}
    return Varied(solution, np.array(activation), np.array(course), np.array(work), np.array(infeasible), by_muscle)


def positive_work(load: Load, activation: np.ndarray, movement: Movement) -> np.ndarray:
    """(muscle,) J per clip: ∫ max(0, tension · shortening velocity) dt, mean over clips (trapezoidal rule)."""
    tension = load.force_gain * activation + load.force_passive
    power = np.maximum(-tension * load.velocity, 0.0)
    each = [np.trapezoid(power[p], dx=1.0 / movement.rate_hz, axis=0) for p in movement.pieces]
    return np.mean(each, axis=0)
