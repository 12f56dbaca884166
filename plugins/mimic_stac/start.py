"""Where the fit begins: scale, orientation, translation and poses that lie near the answer."""

from __future__ import annotations

import attrs
import numpy as np
from scipy.spatial.transform import Rotation

from mimic_stac.calibrate import Data, Fit, Freedom, calibrate, prior_cost
from mimic_stac.kinematics import Kinematics, quat_mul
from mimic_stac.pose import MM, PoseFit, Targets

N_STARTS = 6
_SEARCH_FRAMES = 80
_REFINED = 8
_REST_WEIGHT = 1e-4
_AS_GOOD = 1.15  # the model's own axes are kept unless others fit this much better
_SNAP = 1.25  # and a lab's axes are taken as square to the model's unless a turn helps this much


@attrs.frozen
class Orientation:
    """How the recording lies in the model's frame.

    Attributes:
        rotation: (3, 3) recorded to model axes.
        kind: ``model`` (the same axes), ``square`` (axes exchanged) or ``free`` (any rotation).
        rivalry: cost of the best clearly different orientation over this one's; near 1 means the data do not tell.
    """

    rotation: np.ndarray
    kind: str
    rivalry: float | None = None


def sample_poses(kin: Kinematics, n: int, seed: int = 0) -> np.ndarray:
    """Return (n, qpos) poses: the middle of the joint ranges first, then random ones within them."""
    rng = np.random.default_rng(seed)
    qs, _ = kin.scalar
    low = np.maximum(kin.lower[qs], kin.qpos0[qs] - np.pi)
    high = np.minimum(kin.upper[qs], kin.qpos0[qs] + np.pi)
    q = np.tile(kin.qpos0, (n, 1))
    share = rng.uniform(0.15, 0.85, (n, len(qs)))
    share[0] = 0.5
    q[:, qs] = low + share * (high - low)
    return q


def dof_lengths(kin: Kinematics, scale: float, poses: np.ndarray) -> np.ndarray:
    """Return (dof,) mm of typical keypoint movement by a unit (1 rad, 1 m) of each dof."""
    pose = kin.pose(poses)
    jac = kin.jacobian(pose, pose.sites(kin.site_pos))
    length = np.sqrt((jac**2).sum(2).mean(0).max(0)) * scale * MM
    return np.maximum(length, 1e-3 * max(length.max(), 1e-9))


def start_translation(kin: Kinematics, scale: float, rotation: np.ndarray, data: Data, poses: np.ndarray) -> np.ndarray:
    """Return (clip, 3) m that put the keypoints that move least in the model where the model has them."""
    sites = scale * kin.pose(poses).sites(kin.site_pos)
    stillness = 1.0 / (sites.var(0).sum(-1) + 1e-4 * sites.var((0, 1)).sum() + 1e-12)
    weight = data.seen * stillness
    here = np.einsum("ij,fkj->fki", rotation, data.pos)
    total = data.per_clip(weight.sum(1))
    return data.per_clip(np.einsum("fk,fki->fi", weight, sites.mean(0) - here)) / np.maximum(total, 1e-12)[:, None]


def start_poses(
    kin: Kinematics, data: Data, fit: Fit, dof_mm: np.ndarray, starts: np.ndarray, iterations: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """Fit every frame on its own from several ``starts`` (start, qpos).

    Returns:
        The best pose of each frame (frame, qpos) and its cost (frame,), mm².
    """
    n = len(data.pos)
    pos = fit.align(data.pos, data.clip)
    targets = Targets(pos, data.seen, np.arange(n), 1.0)
    solver = PoseFit(kin, targets, None, dof_mm, rest=starts[0], rest_weight=0.0 if kin.has_root else _REST_WEIGHT)
    best_q, best_cost = None, np.full(n, np.inf)
    for q0 in starts:
        q = _placed(kin, q0, pos, data.seen, fit.scale)
        q, cost = solver.solve(q, fit.offsets, fit.scale, max(1, iterations // 4), 1e-4)
        best_q = q if best_q is None else np.where((cost < best_cost)[:, None], q, best_q)
        best_cost = np.minimum(cost, best_cost)
    return solver.solve(best_q, fit.offsets, fit.scale, iterations, 1e-4)


def _placed(kin: Kinematics, q0: np.ndarray, pos: np.ndarray, seen: np.ndarray, scale: float) -> np.ndarray:
    """Return (frame, qpos): ``q0`` in every frame, a free root moved so that the centroids agree."""
    q = np.tile(q0, (len(pos), 1))
    if kin.has_root:
        sites = kin.pose(q).sites(kin.site_pos)
        count = np.maximum(seen.sum(1), 1.0)[:, None]
        root = kin.root_qposadr
        q[:, root : root + 3] += ((pos / scale - sites) * seen[..., None]).sum(1) / count
    return q


def headings(kin: Kinematics, q: np.ndarray, n: int) -> np.ndarray:
    """Return (n, qpos): the pose ``q`` with its free root turned about the vertical."""
    out = np.tile(q, (n, 1))
    a = kin.root_qposadr + 3
    half = np.pi * np.arange(n) / n
    turn = np.stack([np.cos(half), 0 * half, 0 * half, np.sin(half)], -1)
    out[:, a : a + 4] = quat_mul(turn, out[:, a : a + 4])
    return out


def find_orientation(kin: Kinematics, data: Data, scale: float, dof_mm: np.ndarray, freedom: Freedom) -> Orientation:
    """Find how the recording's axes lie in the model's, by fitting a sample of frames in every square orientation.

    A shoulder that turns every way makes some orientations nearly equal; joint limits decide. So the
    model's own axes come first, then axes that are merely exchanged, then any rotation.
    """
    data = _sample(data)
    starts = sample_poses(kin, 4)
    firsts = []
    for rotation in Rotation.create_group("O").as_matrix():
        shift = start_translation(kin, scale, rotation, data, sample_poses(kin, 100))
        fit = Fit.start(scale, kin.site_pos, rotation, shift)
        q, cost = start_poses(kin, data, fit, dof_mm, starts, 20)
        firsts.append((cost.sum(), fit, q))
    firsts.sort(key=lambda f: _angle(f[1].rotation[0]))
    own = firsts.pop(0)
    trials = []
    for _, fit, q in [own, *sorted(firsts, key=lambda f: f[0])[:_REFINED]]:
        square, _ = _refine(kin, data, fit, q, dof_mm, attrs.evolve(freedom, rotation=False), starts)
        free, turned = _refine(kin, data, fit, q, dof_mm, attrs.evolve(freedom, rotation=True), starts)
        trials.append((fit.rotation[0], square, min(free, square), turned if free < square else fit.rotation[0]))
    own = trials[0]
    chosen = min(trials, key=lambda t: t[2])
    if own[1] <= _AS_GOOD * min(t[1] for t in trials):
        chosen = own
    rotation, square, cost, turned = chosen
    kind = "free" if square > _SNAP * cost else "model" if chosen is own else "square"
    rivals = [t[2] for t in trials if _angle(t[3] @ turned.T) > np.deg2rad(30)]
    return Orientation(turned if kind == "free" else rotation, kind, min(rivals) / cost if rivals else None)


def _angle(rotation: np.ndarray) -> float:
    return float(Rotation.from_matrix(rotation).magnitude())


def _sample(data: Data) -> Data:
    """Return some frames, spread over all clips, at least one of each."""
    step = max(1, len(data.pos) // _SEARCH_FRAMES)
    first = np.flatnonzero(np.r_[True, data.clip[1:] != data.clip[:-1]])
    pick = np.union1d(np.arange(0, len(data.pos), step), first)
    return Data(data.pos[pick], data.seen[pick], data.clip[pick])


def _refine(
    kin: Kinematics, data: Data, fit: Fit, q: np.ndarray, dof_mm: np.ndarray, freedom: Freedom, starts: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return cost (m²) and rotation (3, 3) after a few rounds of pose and offset phase."""
    best = (np.inf, fit.rotation[0])
    for _ in range(8):
        targets = Targets(fit.align(data.pos, data.clip), data.seen, np.arange(len(data.pos)), 1.0)
        solver = PoseFit(kin, targets, None, dof_mm, rest=starts[0], rest_weight=_REST_WEIGHT)
        q, cost = solver.solve(q, fit.offsets, fit.scale, 5, 1e-4)
        total = cost.sum() / MM**2 + prior_cost(fit, kin.site_pos, data, freedom)
        if total < best[0]:
            best = (float(total), fit.rotation[0])
        pose, jac = solver.linearise(q, fit.offsets, fit.scale)
        fit = calibrate(fit, pose, jac, ridge(dof_mm), kin.site_pos, data, freedom, 0.2)
    return best


def ridge(dof_mm: np.ndarray) -> np.ndarray:
    """Return (dof,) m²: what keeps the offset phase from dividing by zero where a dof moves no keypoint."""
    return 1e-6 * (dof_mm / MM) ** 2
