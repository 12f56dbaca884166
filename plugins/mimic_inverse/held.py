"""What the other muscles would have to do if the recorded ones were as active as their EMG."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs
import numpy as np

from mimic_core import BodyModel
from mimic_inverse.findings import Held, Recorded
from mimic_static_optimisation.dynamics import Load, Movement
from mimic_static_optimisation.effort import Demand, least_squared
from mimic_static_optimisation.solve import Solution, sizes, solution_of

NOTHING, EMG, REVERSED, MEAN = "nothing", "mean EMG", "mean EMG, reversed in time", "its mean"
_HELD: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    EMG: lambda course: course,
    REVERSED: lambda course: course[::-1],
    MEAN: lambda course: np.full_like(course, course.mean()),
}


def held_on_emg(
    load: Load,
    movement: Movement,
    recorded: Sequence[Recorded],
    model: BodyModel,
    reserve_cost: float,
    infeasible_share: float,
) -> dict[str, Held]:
    """Hold every recorded muscle on a course, in every clip alike, and let the others give the torques at least Σa².

    Only frames count at which the EMG of all of them is known.

    Args:
        load, movement: torques of the registered movement.
        recorded: mean EMG and the muscle of the body that each is of.
        model: of the body.
        reserve_cost, infeasible_share: as in `mimic_static_optimisation.solve.least_effort`.

    Returns:
        what is held → what comes of it; empty where no frame has EMG.
    """
    time = np.concatenate([np.arange(n) for n in movement.n_frames]) / movement.rate_hz
    known = [r.time[np.isfinite(r.mean)] for r in recorded]
    rows = (time >= max(t[0] for t in known) - 1e-9) & (time <= min(t[-1] for t in known) + 1e-9)
    if not rows.any():
        return {}
    within = attrs.evolve(load, **{k: getattr(load, k)[rows] for k in ("torque", "gain", "passive")})
    columns = [model.muscle(r.muscle) for r in recorded]
    demand = Demand(within.gain, within.needed, reserve_cost)
    found = {NOTHING: _held(demand, load, within, infeasible_share, [], np.zeros((rows.sum(), 0)))}
    for name, made in _HELD.items():
        courses = [
            np.interp(time[rows], t, made(r.mean[np.isfinite(r.mean)])) for r, t in zip(recorded, known, strict=True)
        ]
        found[name] = _held(demand, load, within, infeasible_share, columns, np.stack(courses, axis=-1))
    return found


def _held(
    demand: Demand, whole: Load, within: Load, infeasible_share: float, columns: list[int], courses: np.ndarray
) -> Held:
    """Of frames that are optimised as one program; torques in units of their size over the ``whole`` movement."""
    size, crossed = sizes(whole)[:, None], whole.crossed
    gain = demand.gain / size
    others = np.setdiff1d(np.arange(gain.shape[-1]), columns)
    left = demand.torque / size[:, 0] - np.einsum("fjm,fm->fj", gain[..., columns], courses)
    activation = np.zeros((len(gain), gain.shape[-1]))
    activation[:, columns] = courses
    activation[:, others] = least_squared(Demand(gain[:, crossed][..., others], left[:, crossed], demand.reserve_cost))
    solution: Solution = solution_of(activation, within, infeasible_share)
    share = np.abs(solution.reserve).mean(axis=0) / np.maximum(np.abs(within.needed).mean(axis=0), 1e-300)
    return Held(
        effort=float((activation**2).sum(axis=1).mean()),
        left=float(share[crossed].mean()),
        infeasible=1.0 - float(solution.feasible.mean()),
    )
