"""Static optimisation: the activations of least effort that give a torque, solved by Clarabel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import DataError
from mimic_static_optimisation.activation import Reach

if TYPE_CHECKING:
    from scipy import sparse

_TOLERANCE = 1e-11
"""of Clarabel, relative to the effort of a whole clip, so that activations of single frames are good to 1e-3"""


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
    return _Program.of(demand, apart=True).solved(2.0)


def least_cubed(demand: Demand) -> np.ndarray:
    """Return the same of least Σa³ + cost·Σ reserve² (Crowninshield & Brand 1981, on activations).

    a³ ≤ t is held by two second-order cones: a² ≤ s, and s² ≤ t·a.
    """
    import clarabel
    from scipy import sparse

    program = _Program.of(demand, apart=True)
    n, row = program.n, 6 * np.arange(program.n)
    a = np.arange(n)
    s, t = program.width + a, program.width + n + a
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
    values = np.concatenate([np.full(n, -float(e[2])) for e in entries])
    offset = np.zeros(6 * n)
    offset[row], offset[row + 2] = 1.0, -1.0
    more = _More(
        rows=sparse.csc_matrix((values, (rows, columns)), (6 * n, program.width + 2 * n)),
        limits=offset,
        cones=[clarabel.SecondOrderConeT(3)] * (2 * n),
        linear=np.concatenate([np.zeros(n), program.weight]),
    )
    return program.solved(0.0, more)


def least_dynamic(demand: Demand, reach: Reach, rounds: int) -> np.ndarray:
    """Return the same of least Σa² for activations that an excitation in 0..1 can bring about from frame to frame.

    How high and how low an activation can get is a curve of the one before. Its tangents at the last solution lie on
    the safe side of it, so that every round's solution can be reached, and each is at least as good as the last
    (the convex-concave procedure, Yuille & Rangarajan 2003, doi:10.1162/08997660360581958).
    """
    import clarabel
    from scipy import sparse

    frames, _, muscles = demand.gain.shape
    program, pairs = _Program.of(demand, apart=False), (frames - 1) * muscles
    found = program.solved(2.0)
    if frames < 2:
        return found
    before, after = (sparse.eye(pairs, program.width, k, format="csc") for k in (0, muscles))
    for _ in range(rounds):
        at = found[:-1].ravel()
        (low, low_slope), (high, high_slope) = ((x[:-1].ravel() for x in of) for of in reach.tangents(found))
        more = _More(
            rows=sparse.vstack(
                [sparse.diags(low_slope) @ before - after, after - sparse.diags(high_slope) @ before], format="csc"
            ),
            limits=np.concatenate([low_slope * at - low, high - high_slope * at]),
            cones=[clarabel.NonnegativeConeT(2 * pairs)],
        )
        found = program.solved(2.0, more)
    return found


def solver(name: str, reach: Callable[[], Reach], rounds: int) -> Callable[[Demand], np.ndarray]:
    """Return the optimisation of a name in `SOLUTIONS`; ``reach`` is found if needed."""
    if name == "dynamic":
        known = reach()
        return lambda demand: least_dynamic(demand, known, rounds)
    return {"squared": least_squared, "cubed": least_cubed}[name]


@attrs.frozen(eq=False)
class _More:
    """Further rows of a program, ``limits − rows·x`` in ``cones``, and costs ``linear`` of variables of its own."""

    rows: sparse.csc_matrix
    limits: np.ndarray
    cones: list[Any]
    linear: np.ndarray = attrs.field(factory=lambda: np.zeros(0))


@attrs.frozen(eq=False)
class _Program:
    """Activations and reserves of all frames: gain·a + reserve = torque, 0 ≤ a ≤ 1.

    Reserves are variables of their own, in units that cost 1: without them Clarabel's tolerance would be relative to
    the square of the torques, and activations good to two digits. Frames that do not depend on one another are
    weighed, each by the least that its reserves must cost: a frame far beyond the muscles' strength would otherwise
    leave no digits to the others.

    Attributes:
        shape: of the activations.
        n: how many activations there are; they come first.
        reserves: how many reserves; they follow.
        weight: (activation,) of the frame of each.
        rows, limits: the equations, then the bounds.
    """

    shape: tuple[int, int]
    n: int
    reserves: int
    weight: np.ndarray
    rows: sparse.csc_matrix
    limits: np.ndarray

    @property
    def width(self) -> int:
        return self.n + self.reserves

    @classmethod
    def of(cls, demand: Demand, *, apart: bool) -> _Program:
        """Write down a program; ``apart`` says that no frame depends on another."""
        from scipy import sparse

        frames, joints, muscles = demand.gain.shape
        n, reserves = frames * muscles, frames * joints
        most, least = demand.gain.clip(min=0).sum(axis=2), demand.gain.clip(max=0).sum(axis=2)
        beyond = np.maximum(demand.torque - most, 0.0) + np.maximum(least - demand.torque, 0.0)
        size = 1.0 + apart * demand.reserve_cost * (beyond**2).sum(axis=1)
        unit = np.sqrt(demand.reserve_cost / size)
        one, nothing = sparse.eye(n, format="csc"), sparse.csc_matrix((n, reserves))
        gives = sparse.hstack([sparse.block_diag(list(unit[:, None, None] * demand.gain)), sparse.eye(reserves)])
        rows = sparse.vstack([gives, sparse.hstack([one, nothing]), sparse.hstack([-one, nothing])], format="csc")
        limits = np.concatenate([(unit[:, None] * demand.torque).ravel(), np.ones(n), np.zeros(n)])
        return cls((frames, muscles), n, reserves, np.repeat(1.0 / size, muscles), rows, limits)

    def solved(self, effort: float, more: _More | None = None) -> np.ndarray:
        """Return the activations (frame, muscle) of least ½·effort·Σa² + Σ reserve² + what there is more.

        Raises:
            DataError: Clarabel finds none.
        """
        import clarabel
        from scipy import sparse

        own = np.zeros(0) if more is None else more.linear
        quadratic = np.concatenate([effort * self.weight, np.full(self.reserves, 2.0), 0.0 * own])
        rows = sparse.hstack([self.rows, sparse.csc_matrix((self.rows.shape[0], len(own)))], format="csc")
        limits, cones = self.limits, [clarabel.ZeroConeT(self.reserves), clarabel.NonnegativeConeT(2 * self.n)]
        if more is not None:
            rows = sparse.vstack([rows, more.rows], format="csc")
            limits, cones = np.concatenate([limits, more.limits]), cones + more.cones
        linear, status = np.concatenate([np.zeros(self.width), own]), ""
        for tolerance in (_TOLERANCE, 1e-8):
            settings = clarabel.DefaultSettings()
            settings.verbose, settings.max_threads = False, 1
            settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
            # reserves have no bound: there always is a solution, whatever rounding suggests
            settings.tol_infeas_abs = settings.tol_infeas_rel = 1e-30
            quadratics = sparse.diags(quadratic, format="csc")
            found = clarabel.DefaultSolver(quadratics, linear, rows, limits, cones, settings).solve()
            status = str(found.status)
            if status in ("Solved", "AlmostSolved"):
                return np.clip(np.array(found.x)[: self.n].reshape(self.shape), 0.0, 1.0)
        raise DataError(
            f"static optimisation: the least effort was not found (Clarabel: {status}); a lower "
            "analyze.inverse.reserve_cost makes the problem easier"
        )
