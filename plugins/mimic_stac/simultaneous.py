"""Poses and calibration fitted together: Levenberg-Marquardt over `calibrate.simultaneous_step`."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from mimic_stac.calibrate import Data, Fit, Freedom, prior_cost, simultaneous_step
from mimic_stac.kinematics import KinematicTree
from mimic_stac.pose import MM, PoseFit, Smoothness, Targets

_PATIENCE = 2
_FOLLOW = 2  # steps of the poses alone, which find their way along joint limits, after each of everything
_FIRST, _LEAST, _MOST = 1e-3, 1e-9, 1e6


@attrs.frozen
class State:
    """Where a fit stands; ``cost`` in mm²."""

    fit: Fit
    q: np.ndarray
    cost: float
    iterations: int = 0
    converged: bool = False


@attrs.frozen(kw_only=True)
class Problem:
    """What stays the same while a fit is sought.

    Attributes:
        kin: the body before segments are scaled.
        outlier_mm: (keypoint,) see `pose.Targets`.
        dof_mm: (dof,) how far a unit of each dof moves keypoints.
        smoothness: None takes every frame on its own.
        rest: (qpos,) a pose that dofs are drawn to with
        rest_weight: (1 or per dof), see `pose.PoseFit`.
    """

    kin: KinematicTree
    data: Data
    freedom: Freedom
    outlier_mm: np.ndarray
    dof_mm: np.ndarray
    smoothness: Smoothness | None
    rest: np.ndarray
    rest_weight: float | np.ndarray

    def solver(self, fit: Fit) -> PoseFit:
        """Return the pose fit for given offsets, scale and alignment."""
        d = self.data
        targets = Targets(fit.align(d.pos, d.clip), d.seen, d.piece, self.outlier_mm)
        kin = self.kin.scaled(fit.segments)
        return PoseFit(kin, targets, self.smoothness, self.dof_mm, rest=self.rest, rest_weight=self.rest_weight)

    def cost(self, fit: Fit, q: np.ndarray) -> float:
        """Return the whole cost, mm²."""
        pose = self.solver(fit).cost(q, fit.offsets, fit.scale).sum()
        return float(pose) + prior_cost(fit, self.kin, self.data, self.freedom) * MM**2

    def poses(self, fit: Fit, q: np.ndarray, iterations: int, tolerance: float = 1e-10) -> State:
        """Let the poses follow a fit."""
        q, _ = self.solver(fit).solve(q, fit.offsets, fit.scale, iterations, tolerance)
        return State(fit, q, self.cost(fit, q))

    def solve(
        self, state: State, iterations: int, tolerance: float, report: Callable[[int, float], None] = lambda i, c: None
    ) -> State:
        """Improve fit and poses until `_PATIENCE` steps running lower the cost by less than ``tolerance``."""
        if not self.freedom.any:
            state = self.poses(state.fit, state.q, 3 * iterations, tolerance)
            return attrs.evolve(state, iterations=1, converged=True)
        damping, done, small, converged, first = _FIRST, 0, 0, False, state.fit.scale
        while done < iterations and not converged:
            done += 1
            new = simultaneous_step(
                state.fit, state.q, self.solver(state.fit), self.kin, self.data, self.freedom, damping
            )
            sane = 1e-3 < new.fit.scale / first < 1e3 and (new.fit.segments > 0.1).all()
            trial = self.poses(new.fit, new.q, _FOLLOW) if sane else attrs.evolve(state, cost=np.inf)
            fall = (state.cost - trial.cost) / max(state.cost, 1e-30)
            if fall >= 0:
                state = trial
                small = small + 1 if fall <= tolerance else 0
                converged = small >= _PATIENCE
                damping = max(_LEAST, damping / 3)
            else:
                damping *= 4
                converged = damping > _MOST
            report(done, state.cost)
        return attrs.evolve(state, iterations=done, converged=converged)
