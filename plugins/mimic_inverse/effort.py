"""Static optimisation: the activations of least effort that give a torque, solved by Clarabel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import DataError
from mimic_inverse.activation import Reach

if TYPE_CHECKING:
    from scipy import sparse

_TOLERANCE = 1e-11
"""of Clarabel, relative to the effort of a whole clip: activations of single frames are then good to 1e-4"""


@attrs.frozen(eq=False)
class Demand:
    """What muscles are asked for in one clip, joint by joint in units of a size of torque of that joint.

    Attributes:
        gain: (frame, joint, muscle) torque per unit of activation.
        torque: (frame, joint) that active muscles should give.
        reserve_cost: cost of a squared unit of torque that they leave to others.
    """

    gain: np.ndarray
    torque: np.ndarray
    reserve_cost: float


def least_squared(demand: Demand) -> np.ndarray:
    """Return the activations (frame, muscle) in 0..1 of least Σa² + cost·Σ reserve², of all frames at once."""
    import clarabel

    n = demand.gain.shape[0] * demand.gain.shape[2]
    hessian, gradient = _quadratic(demand, effort=1.0)
    bounds, limits = _bounds(n)
    return _solved(hessian, gradient, bounds, limits, [clarabel.NonnegativeConeT(2 * n)], demand)


def least_cubed(demand: Demand) -> np.ndarray:
    """Return the same of least Σa³ + cost·Σ reserve² (Crowninshield & Brand 1981, on activations).

    a³ ≤ t is held by two second-order cones: a² ≤ s, and s² ≤ t·a.
    """
    import clarabel
    from scipy import sparse

    n = demand.gain.shape[0] * demand.gain.shape[2]
    hessian, gradient = _quadratic(demand, effort=0.0)
    a, s, t = np.arange(3 * n).reshape(3, n)
    row, one = 6 * np.arange(n), np.ones(n)
    entries = (
        *((row, s, 1), (row + 1, a, 2), (row + 2, s, 1)),  # |(2a, s − 1)| ≤ s + 1
        *(
            (row + 3, t, 1),
            (row + 3, a, 1),
            (row + 4, s, 2),
            (row + 5, t, 1),
            (row + 5, a, -1),
        ),  # |(2s, t − a)| ≤ t + a
    )
    rows, columns = (np.concatenate([e[k] for e in entries]) for k in (0, 1))
    values = np.concatenate([-e[2] * one for e in entries])
    cones, offset = sparse.csc_matrix((values, (rows, columns)), (6 * n, 3 * n)), np.zeros(6 * n)
    offset[row], offset[row + 2] = 1.0, -1.0
    bounds, limits = _bounds(n)
    nothing = sparse.csc_matrix((2 * n, 2 * n))
    return _solved(
        sparse.block_diag([hessian, nothing], format="csc"),
        np.concatenate([gradient, np.zeros(n), one]),
        sparse.vstack([sparse.hstack([bounds, sparse.csc_matrix((2 * n, 2 * n))]), cones], format="csc"),
        np.concatenate([limits, offset]),
        [clarabel.NonnegativeConeT(2 * n)] + [clarabel.SecondOrderConeT(3)] * (2 * n),
        demand,
    )


def least_dynamic(demand: Demand, reach: Reach, rounds: int) -> np.ndarray:
    """Return the same of least Σa² for activations that an excitation in 0..1 can bring about from frame to frame.

    How high and how low an activation can get is a curve of the one before. Its tangents at the last solution lie on
    the safe side of it, so that every round's solution can be reached, and each is at least as good as the last
    (the convex-concave procedure, Yuille & Rangarajan 2003, doi:10.1162/08997660360581958).
    """
    import clarabel
    from scipy import sparse

    frames, _, muscles = demand.gain.shape
    n, pairs = frames * muscles, (frames - 1) * muscles
    found = least_squared(demand)
    if frames < 2:
        return found
    hessian, gradient = _quadratic(demand, effort=1.0)
    bounds, limits = _bounds(n)
    before, after = (sparse.eye(pairs, n, k, format="csc") for k in (0, muscles))
    for _ in range(rounds):
        at = found[:-1].ravel()
        (low, low_slope), (high, high_slope) = ((x[:-1].ravel() for x in of) for of in reach.tangents(found))
        program = sparse.vstack(
            [bounds, sparse.diags(low_slope) @ before - after, after - sparse.diags(high_slope) @ before], format="csc"
        )
        offset = np.concatenate([limits, low_slope * at - low, high - high_slope * at])
        found = _solved(hessian, gradient, program, offset, [clarabel.NonnegativeConeT(len(offset))], demand)
    return found


def solver(name: str, reach: Callable[[], Reach], rounds: int) -> Callable[[Demand], np.ndarray]:
    """Return the optimisation of a name in `mimic_inverse.settings.SOLUTIONS`; ``reach`` is found if it is needed."""
    if name == "dynamic":
        known = reach()
        return lambda demand: least_dynamic(demand, known, rounds)
    return {"squared": least_squared, "cubed": least_cubed}[name]


def _quadratic(demand: Demand, effort: float) -> tuple[sparse.csc_matrix, np.ndarray]:
    """Upper half of the matrix, and the gradient, of ½a'Pa + q'a = effort·Σa² + cost·Σ(torque − gain·a)² + constant."""
    from scipy import sparse

    frames, _, muscles = demand.gain.shape
    blocks = 2 * demand.reserve_cost * np.einsum("fju,fjv->fuv", demand.gain, demand.gain)
    blocks += 2 * effort * np.eye(muscles)
    gradient = -2 * demand.reserve_cost * np.einsum("fju,fj->fu", demand.gain, demand.torque)
    row, column = np.triu_indices(muscles)
    first = muscles * np.arange(frames)[:, None]
    places = ((first + row).ravel(), (first + column).ravel())
    size = (frames * muscles, frames * muscles)
    return sparse.csc_matrix((blocks[:, row, column].ravel(), places), size), gradient.ravel()


def _bounds(n: int) -> tuple[sparse.csc_matrix, np.ndarray]:
    """a ≤ 1 and −a ≤ 0, as rows A·a ≤ b."""
    from scipy import sparse

    one = sparse.eye(n, format="csc")
    return sparse.vstack([one, -one], format="csc"), np.concatenate([np.ones(n), np.zeros(n)])


def _solved(hessian: Any, gradient: Any, program: Any, limits: Any, cones: Any, demand: Demand) -> np.ndarray:
    import clarabel

    frames, _, muscles = demand.gain.shape
    status = None
    for tolerance in (_TOLERANCE, 1e-9):
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, 1
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
        solution = clarabel.DefaultSolver(hessian, gradient, program, limits, cones, settings).solve()
        status = str(solution.status)
        if status in ("Solved", "AlmostSolved"):
            return np.clip(np.array(solution.x)[: frames * muscles].reshape(frames, muscles), 0.0, 1.0)
    raise DataError(
        f"analyze.inverse: the least effort was not found (Clarabel: {status}); a lower analyze.inverse.reserve_cost "
        "makes the problem easier"
    )
