"""How much activation and work depend on muscle parameters that nobody measured in this animal."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from mimic_core import BodyModel, Emg, ReferenceClips
from mimic_core.chain import draw_bodies
from mimic_core.physics import AlteredBodies, Randomisation
from mimic_inverse.activation import Reach
from mimic_inverse.agreement import mean_mae, recorded
from mimic_inverse.dynamics import Load, Movement, load_of
from mimic_inverse.effort import solver
from mimic_inverse.findings import Varied
from mimic_inverse.settings import Settings
from mimic_inverse.solve import least_effort

PARAMETERS = {
    "strength": "maximum force",
    "operating_range": "operating range",
    "activation_time": "time constants",
    "tendon_slack": "tendon slack",
    "all": "all at once",
}
"""What is varied, and what it is in tables and figures."""

_ROUNDS = 2
"""Rounds of linearisation of the solution with activation dynamics, for bodies as they are and altered alike."""

_RANGE = slice(0, 2)
"""Places of the operating range in MuJoCo's parameters of a muscle (MuJoCo documentation, "Modeling: Muscles")."""


def altered_bodies(parameter: str, model: BodyModel, settings: Settings) -> AlteredBodies:
    """Draw bodies whose muscles differ in a parameter (or ``all``) by up to the spread of the settings.

    Factors are log-uniform, one for each muscle; tendon slack is shifted by up to that share of the optimum fibre
    length. The operating range keeps its middle.
    """
    kinds = ("strength", "activation_time", "tendon_slack")
    of = {k: settings.spread for k in kinds if parameter in (k, "all")}
    bodies = draw_bodies(Randomisation(bodies=settings.bodies, seed=settings.seed, **of), model)
    if parameter not in ("operating_range", "all"):
        return bodies
    rng = np.random.default_rng([settings.seed, 1])
    factor = (1.0 + settings.spread) ** rng.uniform(-1.0, 1.0, (settings.bodies, len(model.muscle_ids), 1))
    fields = dict(bodies.fields)
    for name in ("actuator_gainprm", "actuator_biasprm"):
        values = fields[name].copy()
        ends = values[:, model.muscle_ids, _RANGE]
        middle = ends.mean(axis=-1, keepdims=True)
        values[:, model.muscle_ids, _RANGE] = middle + factor * (ends - middle)
        fields[name] = values
    return AlteredBodies(fields)


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
    of_clips = _only(clips, chosen)
    solution_of = {p: "dynamic" if p == "activation_time" else settings.compare for p in PARAMETERS}
    solved = lambda bodies, solution: _solved(bodies, solution, of_clips, model, some, emg, settings)  # noqa: E731
    as_it_is = {s: solved([model.mj_model], s) for s in set(solution_of.values())}
    out = {}
    for parameter, solution in solution_of.items():
        bodies = altered_bodies(parameter, model, settings).models(model.mj_model)
        out[parameter] = attrs.evolve(solved(bodies, solution), unchanged=as_it_is[solution])
        told(len(out) / len(PARAMETERS))
    return out


def _only(clips: ReferenceClips, chosen: np.ndarray) -> ReferenceClips:
    names = tuple(clips.clip_names[c] for c in chosen)
    arrays = ("n_frames", "qpos", "qvel", "site_pos", "tracked_pos", "error_mm", "alignment")
    trust = None if clips.trust is None else clips.trust[chosen]
    return attrs.evolve(clips, clip_names=names, trust=trust, **{k: getattr(clips, k)[chosen] for k in arrays})


def _solved(bodies, solution, clips, model, movement, emg, settings) -> Varied:
    activation, work, infeasible, maes = [], [], [], []
    for mj_model in bodies:
        load = load_of(model, movement, mj_model)
        optimise = solver(
            solution,
            lambda m=mj_model: Reach.of(m, model.muscle_ids, movement.rate_hz),
            min(settings.dynamic_rounds, _ROUNDS),
        )
        found = least_effort(load, movement, optimise, settings.reserve_cost, settings.infeasible_share)
        activation.append(found.activation.mean(axis=0))
        work.append(1e6 * positive_work(load, found.activation, movement))
        infeasible.append(1.0 - found.feasible.mean())
        if emg is not None:
            curves = {solution: found.activation}
            maes.append(mean_mae(recorded(emg, clips, model, movement, curves, settings), solution))
    by_muscle = {k: np.array([m[k] for m in maes]) for k in (maes[0] if maes else ())}
    return Varied(solution, np.array(activation), np.array(work), np.array(infeasible), by_muscle)


def positive_work(load: Load, activation: np.ndarray, movement: Movement) -> np.ndarray:
    """(muscle,) J per clip: ∫ max(0, tension · shortening velocity) dt, mean over clips (trapezoidal rule)."""
    tension = load.force_gain * activation + load.force_passive
    power = np.maximum(-tension * load.velocity, 0.0)
    each = [np.trapezoid(power[p], dx=1.0 / movement.rate_hz, axis=0) for p in movement.pieces]
    return np.mean(each, axis=0)
