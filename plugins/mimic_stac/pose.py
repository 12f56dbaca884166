"""Poses alone: joint angles of every frame of every clip by bounded nonlinear least squares.

Minimised over all frames at once, with a Levenberg-Marquardt step whose matrix is banded (a frame
is tied to the next two by the smoothness term only), so that its cost grows linearly with frames.
Joint limits are kept by projection with an active set (Bertsekas 1982, doi:10.1137/0320018). A distance r
costs c² log(1 + r²/c²) (Cauchy's loss; Black & Rangarajan 1996, doi:10.1007/BF00131148), so that a keypoint
that was tracked wrongly pulls less the further off it is. Each keypoint has its own c; an infinite c gives r².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import solveh_banded

from mimic_stac.kinematics import KinematicTree, Pose

MM = 1e3
TENSION_S = 0.04  # a dof without data runs on smoothly and comes to rest within about this time
_AT_LIMIT = 1e-9
_RIDGE = 1e-8
_WALL = 1e4  # stiffness of a limit over that of what pushes against it
_WEAK = 0.1  # smoothing that ties neighbouring frames together by less than this share of the keypoints' own pull


class Targets(NamedTuple):
    """What the poses try to reach: frames of all clips, one after the other."""

    pos: np.ndarray
    """(frame, keypoint, 3) m, aligned, at the animal's size; 0 where not seen"""
    seen: np.ndarray
    """(frame, keypoint) how far each is to be believed: 1.0 where tracked, 0.0 where missing"""
    piece: np.ndarray
    """(frame,) number of the run of consecutive frames, rising"""
    outlier_mm: np.ndarray
    """(keypoint,) distance beyond which a keypoint counts as tracked wrongly"""

    def loss(self, sq_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return cost and weight (its derivative) of squared distances (frame, keypoint) mm²."""
        finite = np.isfinite(self.outlier_mm)
        c2 = np.where(finite, self.outlier_mm, 1.0) ** 2
        cost = np.where(finite, c2 * np.log1p(sq_mm / c2), sq_mm)
        return self.seen * cost, self.seen * np.where(finite, 1.0 / (1.0 + sq_mm / c2), 1.0)


class Smoothness:
    """Sum of squared second differences in time, (frame, dof) scaled to mm, within pieces.

    A smoothing spline's response is 1 / (1 + (f/cutoff)^4) (Reinsch 1967), which gives its weight. A
    tension a good deal weaker lets gaps at a piece's edge end in rest rather than in a straight line.
    """

    def __init__(self, piece: np.ndarray, rate_hz: float, cutoff_hz: float, dof_mm: np.ndarray) -> None:
        """``piece`` (frame,) is the number of the run of consecutive frames that a frame belongs to."""
        n = len(piece)
        bend = (rate_hz / (2 * np.pi * cutoff_hz)) ** 2
        pull = bend / (TENSION_S * rate_hz)
        self._step = (piece[1:] == piece[:-1]) * pull
        self._curve = (piece[2:] == piece[:-2]) * bend
        self._dof_mm = dof_mm
        self.weak = bend < _WEAK
        self.bands = np.zeros((3, n))
        s, c = self._step**2, self._curve**2
        self.bands[0, :-1] += s
        self.bands[0, 1:] += s
        self.bands[1, :-1] -= s
        for i, a in enumerate((1.0, -2.0, 1.0)):
            for j, b in enumerate((1.0, -2.0, 1.0)):
                if i >= j:
                    self.bands[i - j, j : n - 2 + j] += a * b * c

    def residuals(self, q: np.ndarray, kin: KinematicTree) -> tuple[np.ndarray, np.ndarray]:
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


class System(NamedTuple):
    """Normal equations of a step of all frames' poses, and what they were made of."""

    bands: np.ndarray
    """(band, frame x dof) lower bands of the matrix, mm²; a dof that may not move stands alone"""
    gradient: np.ndarray
    """(frame, dof) of half the cost, mm²; 0 for a dof that may not move"""
    slope: np.ndarray
    """(frame, keypoint x xyz, dof) derivative of ``residual``, mm; 0 for a dof that may not move"""
    residual: np.ndarray
    """(frame, keypoint x xyz) weighted distances, mm"""
    pose: Pose
    root_weight: np.ndarray
    """(frame, keypoint, 1) square root of each squared distance's weight"""
    wall: np.ndarray | None
    """(frame, dof, dof) mm², part of the matrix that holds ball joints at their limits"""


class PoseFit:
    """Fits poses to targets for given offsets and scale."""

    def __init__(
        self,
        kin: KinematicTree,
        targets: Targets,
        smoothness: Smoothness | None,
        dof_mm: np.ndarray,
        rest: np.ndarray | None = None,
        rest_weight: float | np.ndarray = 0.0,
        movable: np.ndarray | None = None,
    ) -> None:
        """``rest`` (qpos,) is a pose that dofs are drawn to with ``rest_weight`` (1 or one per dof); not a free root.

        ``movable`` (dof,) says which dofs may move; all by default.
        """
        self.kin, self.targets, self.smoothness, self.dof_mm = kin, targets, smoothness, dof_mm
        self.n_pieces = int(targets.piece.max()) + 1
        self.rest, self._rest_mm = rest, np.where(kin.free_dofs, 0.0, dof_mm * np.sqrt(rest_weight))
        self.movable = np.ones(kin.nv, bool) if movable is None else movable

    @property
    def frames_apart(self) -> bool:
        """True where frames are tied together weakly or not at all."""
        return self.smoothness is None or self.smoothness.weak

    def solve(
        self,
        q: Float[np.ndarray, "frame qpos"],
        offsets: Float[np.ndarray, "keypoint 3"],
        scale: float,
        iterations: int,
        tolerance: float,
    ) -> tuple[Float[np.ndarray, "frame qpos"], Float[np.ndarray, " piece"]]:
        """Improve ``q`` (frame, qpos) and return it with each piece's cost (piece,) mm².

        Stops after ``iterations`` or when no piece's cost falls by more than ``tolerance`` of itself.
        """
        damping = np.full(self.n_pieces, 1e-3)
        pose = self.kin.pose(q)
        cost = self.cost(q, offsets, scale, pose)
        for _ in range(iterations):
            at = self.system(q, offsets, scale, damping, pose)
            step = solveh_banded(at.bands, -at.gradient.reshape(-1), lower=True, check_finite=False)
            trial = self.move(q, step.reshape(len(q), -1))
            tried = self.kin.pose(trial)
            new_cost = self.cost(trial, offsets, scale, tried)
            better = new_cost <= cost
            damping = np.clip(np.where(better, damping * 0.1, damping * 10), 1e-9, 1e9)
            take = better[self.targets.piece]
            q, pose = np.where(take[:, None], trial, q), tried.where(take, pose)
            fall = np.where(better, (cost - new_cost) / np.maximum(cost, 1e-12), np.inf)
            fall = np.where(~better & (damping >= 1e3), 0.0, fall)
            cost = np.where(better, new_cost, cost)
            if fall.max() <= tolerance:
                break
        return q, cost

    def cost(self, q: np.ndarray, offsets: np.ndarray, scale: float, pose: Pose | None = None) -> np.ndarray:
        """Return each piece's cost (piece,) mm² at ``q`` (frame, qpos), whose ``pose`` is computed unless given."""
        sites = (self.kin.pose(q) if pose is None else pose).sites(offsets)
        r = (self.targets.pos - scale * sites) * MM
        cost = self.targets.loss(np.einsum("fki,fki->fk", r, r))[0].sum(1)
        if self.smoothness is not None:
            v, a = self.smoothness.residuals(q, self.kin)
            cost[1:] += np.einsum("fd,fd->f", v, v)
            cost[2:] += np.einsum("fd,fd->f", a, a)
        if self.rest is not None:
            d = self._from_rest(q)
            cost += np.einsum("fd,fd->f", d, d)
        return np.bincount(self.targets.piece, cost, self.n_pieces)

    def system(
        self, q: np.ndarray, offsets: np.ndarray, scale: float, damping: np.ndarray, pose: Pose | None = None
    ) -> System:
        """Return the normal equations of one step; ``damping`` (piece,) is Levenberg and Marquardt's."""
        n, nv = len(q), self.kin.nv
        pose = self.kin.pose(q) if pose is None else pose
        sites = pose.sites(offsets)
        jac = self.kin.jacobian(pose, sites)
        r = (self.targets.pos - scale * sites) * MM
        root_weight = np.sqrt(self.targets.loss(np.einsum("fki,fki->fk", r, r))[1])[..., None]
        residual = (r * root_weight).reshape(n, -1)
        j = (jac * (root_weight[..., None] * scale * MM)).reshape(n, -1, nv)
        grad = self._gradient(q, j, residual)
        width = 2 * nv if self.smoothness is not None else nv - 1
        hess = np.swapaxes(j, 1, 2) @ j
        wall = self._walls(q, j, grad, hess)
        bands = np.zeros((width + 1, n, nv))
        for lag in range(nv):
            bands[lag, :, : nv - lag] = np.einsum("fdd->fd", hess[:, lag:, : nv - lag])
        diagonal = bands[0].copy() + 1e-6 * self.dof_mm**2
        if self.smoothness is not None:
            for lag in range(3):
                bands[lag * nv] += self.smoothness.bands[lag, :, None] * self.dof_mm**2
        if self.rest is not None:
            bands[0] += self._rest_mm**2
        # A dof that nothing holds must not make the matrix singular; this slows its steps, not its minimum.
        bands[0] += damping[self.targets.piece][:, None] * diagonal + _RIDGE * self.dof_mm**2 + 1e-12 * bands[0]
        free = self._free(q, grad)
        flat = bands.reshape(width + 1, n * nv)
        on = free.reshape(-1).astype(float)
        for lag in range(1, width + 1):
            flat[lag, : n * nv - lag] *= on[lag:] * on[: n * nv - lag]
        flat[0] = np.where(on > 0, flat[0], 1.0)
        return System(flat, grad * free, -j * free[:, None], residual, pose, root_weight, wall)

    def _walls(self, q: np.ndarray, j: np.ndarray, grad: np.ndarray, hess: np.ndarray) -> np.ndarray | None:
        """Hold ball joints that are at their limits and pushed beyond: ``j``, ``grad`` and ``hess`` are changed.

        What is left of them is along the limit, and outwards the matrix is stiff. Returned is that stiffness
        (frame, dof, dof), None where no ball joint has a limit.
        """
        edges = self.kin.ball_edges(q, _AT_LIMIT)
        if not edges:
            return None
        wall = np.zeros_like(hess)
        for v, at, out in edges:
            block = slice(v, v + 3)
            pushed = at & (np.einsum("fi,fi->f", grad[:, block], out) < 0)
            out = out * pushed[:, None]
            grad[:, block] -= np.einsum("fi,fi,fj->fj", grad[:, block], out, out)
            j[..., block] -= np.einsum("fri,fi,fj->frj", j[..., block], out, out)
            stiff = _WALL * (np.einsum("fii->f", hess[:, block, block]) + self.dof_mm[v] ** 2)
            wall[:, block, block] += stiff[:, None, None] * np.einsum("fi,fj->fij", out, out)
        hess[:] = np.swapaxes(j, 1, 2) @ j + wall
        return wall

    def move(
        self, q: Float[np.ndarray, "frame qpos"], step: Float[np.ndarray, "frame dof"]
    ) -> Float[np.ndarray, "frame qpos"]:
        """Return ``q`` moved by ``step`` (frame, dof), within the joint limits."""
        return self.kin.within(self.kin.integrate(q, step))

    def _gradient(self, q: np.ndarray, j: np.ndarray, residual: np.ndarray) -> np.ndarray:
        """(frame, dof) gradient of half the cost, mm²/rad."""
        grad = -(residual[:, None] @ j)[:, 0]
        if self.smoothness is not None:
            grad += self.smoothness.gradient(*self.smoothness.residuals(q, self.kin))
        if self.rest is not None:
            grad += self._from_rest(q) * self._rest_mm
        return grad

    def _from_rest(self, q: np.ndarray) -> np.ndarray:
        return self.kin.difference(q, np.broadcast_to(self.rest, q.shape)) * self._rest_mm

    def _free(self, q: np.ndarray, grad: np.ndarray) -> np.ndarray:
        """(frame, dof) False where a dof may not move: at its limit and pushed beyond it, or not `movable`."""
        free = np.tile(self.movable, (len(q), 1))
        qs, vs = self.kin.scalar
        g, x = grad[:, vs], q[:, qs]
        held = ((x <= self.kin.lower[qs] + _AT_LIMIT) & (g > 0)) | ((x >= self.kin.upper[qs] - _AT_LIMIT) & (g < 0))
        free[:, vs] &= ~held
        return free
