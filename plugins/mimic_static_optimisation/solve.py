"""The least effort for the torques of a movement, the range of what is feasible, and trivial answers beside them."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from mimic_core import DataError
from mimic_static_optimisation.dynamics import Load, Movement
from mimic_static_optimisation.effort import Demand


@attrs.frozen(eq=False)
class Solution:
    """Activations for the torques of a movement.

    Attributes:
        activation: (frame, muscle) 0 to 1.
        reserve: (frame, joint) N·m that the muscles do not give; a joint without muscles has all of its torque here.
        feasible: (frame,) whether muscles give the torque of every joint that they cross, within the tolerance.
    """

    activation: np.ndarray
    reserve: np.ndarray
    feasible: np.ndarray


@attrs.frozen(eq=False)
class Feasible:
    """What activations give a torque, each muscle by itself; NaN in frames where none do.

    Attributes:
        low, high: (frame, muscle) least and greatest activation of the muscle among all sets that give the torque.
        middle: (frame, muscle) one such set: the mean of those at which each muscle is least or greatest.
    """

    low: np.ndarray
    high: np.ndarray
    middle: np.ndarray


def sizes(load: Load) -> np.ndarray:
    """(joint,) N·m: root mean square of what active muscles should give, the unit of reserves."""
    return np.sqrt(np.maximum((load.needed**2).mean(axis=0), 1e-300))


def least_effort(
    load: Load,
    movement: Movement,
    optimise: Callable[[Demand], np.ndarray],
    reserve_cost: float,
    infeasible_share: float,
) -> Solution:
    """Return the activations of least effort, clip by clip.

    Args:
        load: torques of the movement.
        movement: tells the clips apart.
        optimise: one of `mimic_static_optimisation.effort`.
        reserve_cost: of a squared reserve as large as a joint's root mean square torque.
        infeasible_share: a frame with a larger share of it in reserve is not feasible.

    Raises:
        DataError: no muscle turns any joint of the body.
    """
    crossed, size = load.crossed, sizes(load)
    if not crossed.any():
        raise DataError("static optimisation: no muscle of the body turns a joint in this movement")
    gain, needed = load.gain / size[:, None], load.needed / size
    activation = np.concatenate(
        [optimise(Demand(gain[p][:, crossed], needed[p][:, crossed], reserve_cost)) for p in movement.pieces]
    )
    return solution_of(activation, load, infeasible_share)


def solution_of(activation: np.ndarray, load: Load, infeasible_share: float) -> Solution:
    """Return what activations (frame, muscle) leave to others."""
    reserve = load.needed - np.einsum("fjm,fm->fj", load.gain, activation)
    left = np.abs(reserve / sizes(load))[:, load.crossed].max(axis=1)
    return Solution(activation, reserve, left <= infeasible_share)


def feasible_range(load: Load, solution: Solution, among: np.ndarray | None = None) -> Feasible:
    """Find the least and the greatest activation of each muscle that still gives the torques.

    For each muscle two linear programs over all feasible frames at once (HiGHS), with the reserve of the solution left
    as it is, so that the solution itself is always feasible.

    Args:
        load: torques.
        solution: of any static optimisation for them.
        among: (frame,) where to look; None: everywhere.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    rows = np.flatnonzero(solution.feasible if among is None else solution.feasible & among)
    low, high, middle = np.full((3, *solution.activation.shape), np.nan)
    if not len(rows):
        return Feasible(low, high, middle)
    gain = (load.gain / sizes(load)[:, None])[rows][:, load.crossed]
    activation = solution.activation[rows]
    given = np.einsum("fjm,fm->fj", gain, activation)
    frames, joints, muscles = gain.shape
    row = joints * np.arange(frames)[:, None, None] + np.arange(joints)[:, None] + np.zeros(muscles, int)
    column = muscles * np.arange(frames)[:, None, None] + np.arange(muscles) + np.zeros((joints, 1), int)
    program = sparse.csc_matrix((gain.ravel(), (row.ravel(), column.ravel())), (frames * joints, frames * muscles))
    total = np.zeros_like(activation)
    for m in range(muscles):
        for sign, into, bound in ((1.0, low, np.minimum), (-1.0, high, np.maximum)):
            cost = np.zeros((frames, muscles))
            cost[:, m] = sign
            found = linprog(cost.ravel(), A_eq=program, b_eq=given.ravel(), bounds=(0, 1), method="highs")
            if found.x is None:
                raise DataError(f"static optimisation: the feasible range was not found (HiGHS: {found.message})")
            at = np.clip(found.x.reshape(frames, muscles), 0.0, 1.0)
            into[rows, m] = bound(at[:, m], activation[:, m])  # they may differ by HiGHS's tolerance
            total += at
    middle[rows] = total / (2 * muscles)
    return Feasible(low, high, middle)


def trivial_shares(load: Load) -> dict[str, np.ndarray]:
    """Null model → (joint,) share of the mean absolute torque that it leaves: no muscle active, or each of them always
    as active, as is best over all frames (bounded least squares)."""
    from scipy.optimize import lsq_linear

    size, crossed = sizes(load), load.crossed
    gain = (load.gain / size[:, None])[:, crossed]
    best = lsq_linear(gain.reshape(-1, gain.shape[2]), (load.needed / size)[:, crossed].ravel(), (0.0, 1.0)).x
    whole = np.maximum(np.abs(load.needed).mean(axis=0), 1e-300)
    return {
        "limp": np.abs(load.needed).mean(axis=0) / whole,
        "best constant": np.abs(load.needed - load.gain @ best).mean(axis=0) / whole,
    }
