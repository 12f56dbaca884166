"""Pose phase: joint angles of every frame of every clip by bounded nonlinear least squares.

Minimised over all frames at once, with a Levenberg-Marquardt step whose matrix is banded (a frame
is tied to the next two by the smoothness term only), so that its cost grows linearly with frames.
Joint limits are kept by projection with an active set (Bertsekas 1982, doi:10.1137/0320018).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import solveh_banded

from mimic_stac.kinematics import Kinematics, Pose

MM = 1e3
TENSION_S = 0.04  # a dof without data runs on smoothly and comes to rest within about this time
_AT_LIMIT = 1e-9
_RIDGE = 1e-8


class Targets(NamedTuple):
    """What the pose phase tries to reach: frames of all clips, one after the other."""

    pos: np.ndarray
    """(frame, keypoint, 3) m, aligned, at the animal's size; 0 where not seen"""
    seen: np.ndarray
    """(frame, keypoint) 1.0 where tracked, else 0.0"""
    clip: np.ndarray
    """(frame,) number of the clip, rising"""
    rate_hz: float


class Smoothness:
    """Sum of squared second differences in time, (frame, dof) scaled to mm, within clips.

    A smoothing spline's response is 1 / (1 + (f/cutoff)^4) (Reinsch 1967), which gives its weight. A
    tension a good deal weaker lets gaps at a clip's edge end in rest rather than in a straight line.
    """

    def __init__(self, targets: Targets, cutoff_hz: float, dof_mm: np.ndarray) -> None:
        n = len(targets.clip)
        bend = (targets.rate_hz / (2 * np.pi * cutoff_hz)) ** 2
        pull = bend / (TENSION_S * targets.rate_hz)
        self._step = (targets.clip[1:] == targets.clip[:-1]) * pull
        self._curve = (targets.clip[2:] == targets.clip[:-2]) * bend
        self._dof_mm = dof_mm
        self.bands = np.zeros((3, n))
        s, c = self._step**2, self._curve**2
        self.bands[0, :-1] += s
        self.bands[0, 1:] += s
        self.bands[1, :-1] -= s
        for i, a in enumerate((1.0, -2.0, 1.0)):
            for j, b in enumerate((1.0, -2.0, 1.0)):
                if i >= j:
                    self.bands[i - j, j : n - 2 + j] += a * b * c

    def residuals(self, q: np.ndarray, kin: Kinematics) -> tuple[np.ndarray, np.ndarray]:
        """Return first (frame-1, dof) and second (frame-2, dof) differences, weighted, in mm."""
        v = kin.difference(q[1:], q[:-1])
        return v * self._dof_mm * self._step[:, None], (v[1:] - v[:-1]) * self._dof_mm * self._curve[:, None]

    def gradient(self, v: np.ndarray, a: np.ndarray) -> np.ndarray:
        """Return (frame, dof) gradient of half the squared `residuals`."""
        g = np.zeros((len(v) + 1, v.shape[1]))
        v, a = v * self._step[:, None], a * self._curve[:, None]
        g[1:] += v
        g[:-1] -= v
        g[2:] += a
        g[1:-1] -= 2 * a
        g[:-2] += a
        return g * self._dof_mm


class PoseFit:
    """Fits poses to targets for given offsets and scale."""

    def __init__(
        self,
        kin: Kinematics,
        targets: Targets,
        smoothness: Smoothness | None,
        dof_mm: np.ndarray,
        rest: np.ndarray | None = None,
        rest_weight: float = 0.0,
    ) -> None:
        """``rest`` (qpos,) is a pose that dofs without data are drawn to with ``rest_weight`` (1)."""
        self.kin, self.targets, self.smoothness, self.dof_mm = kin, targets, smoothness, dof_mm
        self.n_clips = int(targets.clip.max()) + 1
        self.rest, self.rest_weight = rest, rest_weight

    def solve(
        self, q: np.ndarray, offsets: np.ndarray, scale: float, iterations: int, tolerance: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Improve ``q`` (frame, qpos) and return it with each clip's cost (clip,) mm².

        Stops after ``iterations`` or when no clip's cost falls by more than ``tolerance`` of itself.
        """
        damping = np.full(self.n_clips, 1e-3)
        sites, jac, cost = self._evaluate(q, offsets, scale)
        for _ in range(iterations):
            trial = self._step(q, sites, jac, scale, damping)
            new_sites, new_jac, new_cost = self._evaluate(trial, offsets, scale)
            better = new_cost <= cost
            damping = np.clip(np.where(better, damping * 0.1, damping * 10), 1e-9, 1e9)
            take = better[self.targets.clip]
            q = np.where(take[:, None], trial, q)
            sites = np.where(take[:, None, None], new_sites, sites)
            jac = np.where(take[:, None, None, None], new_jac, jac)
            fall = np.where(better, (cost - new_cost) / np.maximum(cost, 1e-12), np.inf)
            fall = np.where(~better & (damping >= 1e3), 0.0, fall)
            cost = np.where(better, new_cost, cost)
            if fall.max() <= tolerance:
                break
        return q, cost

    def linearise(self, q: np.ndarray, offsets: np.ndarray, scale: float) -> tuple[Pose, np.ndarray]:
        """Return the pose and the sites' Jacobian (frame, keypoint, 3, dof) m, 0 for dofs held at a limit."""
        pose = self.kin.pose(q)
        sites = pose.sites(offsets)
        jac = self.kin.jacobian(pose, sites)
        free = self._free(q, self._gradient(q, sites, jac, scale))
        return pose, jac * free[:, None, None]

    def _gradient(self, q: np.ndarray, sites: np.ndarray, jac: np.ndarray, scale: float) -> np.ndarray:
        """(frame, dof) gradient of half the cost, mm²/rad."""
        r = (self.targets.pos - scale * sites) * self.targets.seen[..., None] * MM**2 * scale
        grad = -np.einsum("fkid,fki->fd", jac, r, optimize=True)
        if self.smoothness is not None:
            grad += self.smoothness.gradient(*self.smoothness.residuals(q, self.kin))
        if self.rest is not None:
            grad += self._from_rest(q) * self.dof_mm * np.sqrt(self.rest_weight)
        return grad

    def _evaluate(self, q: np.ndarray, offsets: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        pose = self.kin.pose(q)
        sites = pose.sites(offsets)
        r = (self.targets.pos - scale * sites) * self.targets.seen[..., None] * MM
        cost = np.einsum("fki,fki->f", r, r)
        if self.smoothness is not None:
            v, a = self.smoothness.residuals(q, self.kin)
            cost[1:] += np.einsum("fd,fd->f", v, v)
            cost[2:] += np.einsum("fd,fd->f", a, a)
        if self.rest is not None:
            d = self._from_rest(q)
            cost += np.einsum("fd,fd->f", d, d)
        return sites, self.kin.jacobian(pose, sites), np.bincount(self.targets.clip, cost, self.n_clips)

    def _from_rest(self, q: np.ndarray) -> np.ndarray:
        return self.kin.difference(q, np.broadcast_to(self.rest, q.shape)) * self.dof_mm * np.sqrt(self.rest_weight)

    def _step(self, q: np.ndarray, sites: np.ndarray, jac: np.ndarray, scale: float, damping: np.ndarray) -> np.ndarray:
        n, nv = len(q), self.kin.nv
        j = (jac * (self.targets.seen[..., None, None] * scale * MM)).reshape(n, -1, nv)
        hess = np.swapaxes(j, 1, 2) @ j
        grad = self._gradient(q, sites, jac, scale)
        width = 2 * nv if self.smoothness is not None else nv - 1
        bands = np.zeros((width + 1, n, nv))
        for lag in range(nv):
            bands[lag, :, : nv - lag] = np.einsum("fdd->fd", hess[:, lag:, : nv - lag])
        diagonal = bands[0].copy() + 1e-6 * self.dof_mm**2
        if self.smoothness is not None:
            for lag in range(3):
                bands[lag * nv] += self.smoothness.bands[lag, :, None] * self.dof_mm**2
        if self.rest is not None:
            bands[0] += self.rest_weight * self.dof_mm**2
        # A dof that nothing holds must not make the matrix singular; this slows its steps, not its minimum.
        bands[0] += damping[self.targets.clip][:, None] * diagonal + _RIDGE * self.dof_mm**2 + 1e-12 * bands[0]
        free = self._free(q, grad)
        flat = bands.reshape(width + 1, n * nv)
        on = free.reshape(-1).astype(float)
        for lag in range(1, width + 1):
            flat[lag, : n * nv - lag] *= on[lag:] * on[: n * nv - lag]
        flat[0] = np.where(on > 0, flat[0], 1.0)
        step = solveh_banded(flat, -(grad.reshape(-1) * on), lower=True, check_finite=False).reshape(n, nv)
        moved = self.kin.integrate(q, step)
        return np.clip(moved, self.kin.lower, self.kin.upper)

    def _free(self, q: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """(frame, dof) False where a joint stands at its limit and would be pushed beyond it."""
        free = np.ones(grad.shape, bool)
        qs, vs = self.kin.scalar
        g, x = grad[:, vs], q[:, qs]
        held = ((x <= self.kin.lower[qs] + _AT_LIMIT) & (g > 0)) | ((x >= self.kin.upper[qs] - _AT_LIMIT) & (g < 0))
        free[:, vs] = ~held
        return free
