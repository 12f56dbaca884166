"""Inverse kinematics of points on a body, within joint limits and couplings, one frame after the other.

Damped least squares (Levenberg-Marquardt) over the joints that may move, with a weak pull to a posture so that joints
which the points leave free have one answer. Limits are kept by an active set (Bertsekas 1982, doi:10.1137/0320018).
"""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from mimic_core import BodyModel
from mimic_kinematics.couplings import Couplings

Residual = Callable[[mujoco.MjData], tuple[np.ndarray, np.ndarray]]
"""``residual(data) -> (rows,) m, (rows, nv)``: what is to become 0, with its derivative by the dofs."""

_DAMPING = (1e-6, 1e-12, 1e6)  # at first, at least, at most; of the matrix' largest entry
_EDGE = 1e-9


class Solver:
    """Moves chosen scalar joints of a body so that residuals vanish."""

    def __init__(self, model: BodyModel, movable: np.ndarray, couplings: Couplings) -> None:
        """``movable`` (nv,) says which dofs may move; those of coupled, free and ball joints do not by themselves."""
        m = model.mj_model
        self.m, self.couplings = m, couplings
        lower, upper = np.full(m.nq, -np.inf), np.full(m.nq, np.inf)
        lower[model.joint_qposadr], upper[model.joint_qposadr] = model.joint_range.T
        self.lower, self.upper, self.remarks = couplings.limits(lower, upper)
        follows = np.isin(model.joint_dofadr, m.jnt_dofadr[couplings.joint])
        mine = movable[model.joint_dofadr] & ~follows
        self.dofs, self.places = model.joint_dofadr[mine], model.joint_qposadr[mine]
        self.data = mujoco.MjData(m)

    def within(self, q: np.ndarray) -> np.ndarray:
        """Return qpos (…, nq) within the limits, coupled joints where their drivers put them."""
        return self.couplings.settle(np.clip(q, self.lower, self.upper))

    def _folded(self, jac: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Columns of what may move of a derivative (rows, nv); coupled joints count as their drivers'."""
        return self.couplings.folded(jac, q)[:, self.dofs]

    def _at(self, q: np.ndarray, residual: Residual) -> tuple[np.ndarray, np.ndarray]:
        self.data.qpos[:] = q
        mujoco.mj_kinematics(self.m, self.data)
        mujoco.mj_comPos(self.m, self.data)
        return residual(self.data)

    def solve(
        self, q: np.ndarray, residual: Residual, posture: np.ndarray, pull: float, iterations: int = 25
    ) -> tuple[np.ndarray, float]:
        """Return qpos (nq,) near ``q`` whose residuals are least, and the largest of them (m).

        Args:
            posture: (nq,) that joints are pulled to
            pull: with so many metres per radian.
        """
        q = self.within(q)
        damping, (r, jac) = _DAMPING[0], self._at(q, residual)
        away = pull * (q - posture)[self.places]
        cost = r @ r + away @ away
        low, high = self.lower[self.places], self.upper[self.places]
        for _ in range(iterations):
            j = self._folded(jac, q)
            grad = j.T @ r + pull * away
            x = q[self.places]
            free = ~(((x <= low + _EDGE) & (grad > 0)) | ((x >= high - _EDGE) & (grad < 0)))
            j, hess = j[:, free], np.eye(int(free.sum())) * pull**2
            hess += j.T @ j
            hess[np.diag_indices_from(hess)] += damping * max(hess.max(initial=0.0), 1e-12)
            trial = q.copy()
            trial[self.places[free]] -= np.linalg.solve(hess, grad[free])
            trial = self.within(trial)
            new_r, new_jac = self._at(trial, residual)
            new_away = pull * (trial - posture)[self.places]
            new_cost = new_r @ new_r + new_away @ new_away
            if new_cost <= cost:
                fall = cost - new_cost
                q, r, jac, away, cost = trial, new_r, new_jac, new_away, new_cost
                damping = max(damping * 0.1, _DAMPING[1])
                if fall <= 1e-9 * cost + 1e-24:
                    break
            else:
                damping *= 10
                if damping > _DAMPING[2]:
                    break
        return q, float(np.abs(r).max(initial=0.0))


def point_jacobian(m: mujoco.MjModel, data: mujoco.MjData, body: int, point: np.ndarray) -> np.ndarray:
    """Return (3, nv) derivative of a point (3,) of a body by the dofs."""
    jac = np.zeros((3, m.nv))
    mujoco.mj_jac(m, data, jac, None, point, body)
    return jac
