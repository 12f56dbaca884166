"""Where the fit begins: scale, orientation, translation and poses that lie near the answer."""

from __future__ import annotations

import attrs
import numpy as np
from scipy.spatial.transform import Rotation

from mimic_stac.calibrate import Data, Fit, Freedom
from mimic_stac.kinematics import KinematicTree
from mimic_stac.pose import MM, PoseFit, Targets
from mimic_stac.simultaneous import Problem, State

N_STARTS = 6
_TRUNK_SHARE = 0.25  # a dof that carries this share of the keypoints belongs to the trunk
_ALIKE = 1.5
_STUCK = 3.0  # a frame this many times worse than the median may be in a wrong posture
_REPAIRS = 8
_SEARCH_FRAMES, _SEARCH_CLIPS = 80, 80
_BETWEEN_S = 0.1  # from poses so far apart, those between are found
_ITERATIONS_BETWEEN = 20
_REFINED = 8
_REST_WEIGHT = 1e-4
_AS_GOOD = 1.1  # the model's own axes are kept unless others fit this much better
_SNAP = 1.15  # and a lab's axes are taken as square to the model's unless a turn helps this much


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


def sample_poses(kin: KinematicTree, n: int, seed: int = 0) -> np.ndarray:
    """Return (n, qpos) poses: the middle of the joint ranges first, then random ones within them."""
    rng = np.random.default_rng(seed)
    qs, _ = kin.scalar
    low = np.maximum(kin.lower[qs], kin.qpos0[qs] - np.pi)
    high = np.minimum(kin.upper[qs], kin.qpos0[qs] + np.pi)
    q = np.tile(kin.rest, (n, 1))
    share = rng.uniform(0.15, 0.85, (n, len(qs)))
    share[0] = 0.5
    q[:, qs] = low + share * (high - low)
    for i, (a, limit) in enumerate(kin.balls()):
        # Orientations of their own random numbers, so that those of the other joints do not depend on ball joints.
        turn = np.random.default_rng((seed, i)).uniform(-1.0, 1.0, (n, 3)) * min(limit, np.pi / 2)
        turn[0] = 0.0
        q[:, a : a + 4] = (Rotation.from_quat(q[:, a : a + 4], scalar_first=True) * Rotation.from_rotvec(turn)).as_quat(
            scalar_first=True
        )
    return kin.within(q) if len(kin.couplings) or kin.balls() else q


def dof_lengths(kin: KinematicTree, scale: float, poses: np.ndarray) -> np.ndarray:
    """Return (dof,) mm of typical keypoint movement by a unit (1 rad, 1 m) of each dof."""
    pose = kin.pose(poses)
    jac = kin.jacobian(pose, pose.sites(kin.site_pos))
    length = np.sqrt((jac**2).sum(2).mean(0).max(0)) * scale * MM
    return np.maximum(length, 1e-3 * max(length.max(), 1e-9))


def start_translation(
    kin: KinematicTree, scale: float, rotation: np.ndarray, data: Data, poses: np.ndarray
) -> np.ndarray:
    """Return (clip, 3) m that put the keypoints that move least in the model where the model has them."""
    sites = scale * kin.pose(poses).sites(kin.site_pos)
    stillness = 1.0 / (sites.var(0).sum(-1) + 1e-4 * sites.var((0, 1)).sum() + 1e-12)
    weight = data.seen * stillness
    here = np.einsum("ij,fkj->fki", rotation, data.pos)
    total = data.per_clip(weight.sum(1))
    return data.per_clip(np.einsum("fk,fki->fi", weight, sites.mean(0) - here)) / np.maximum(total, 1e-12)[:, None]


def start_poses(
    kin: KinematicTree, data: Data, fit: Fit, dof_mm: np.ndarray, poses: np.ndarray, iterations: int = 40
) -> tuple[np.ndarray, np.ndarray]:
    """Fit every frame on its own: a fixed body from several ``poses`` (pose, qpos), a free one from the root outwards.

    Returns:
        The best pose of each frame (frame, qpos) and its cost (frame,), mm².
    """
    if kin.has_root:
        q, cost = _from_root_outwards(kin, data, fit, dof_mm, poses)
        return _repaired(kin, data, fit, dof_mm, poses[0], q, cost)
    solver = _one_by_one(kin, data, fit, dof_mm, poses[0])
    best_q, best_cost = None, np.full(len(data.pos), np.inf)
    for q0 in poses[:N_STARTS]:
        q, cost = solver.solve(np.tile(q0, (len(data.pos), 1)), fit.offsets, fit.scale, max(1, iterations // 4), 1e-4)
        best_q = q if best_q is None else np.where((cost < best_cost)[:, None], q, best_q)
        best_cost = np.minimum(cost, best_cost)
    return solver.solve(best_q, fit.offsets, fit.scale, iterations, 1e-4)


def poses_between(
    kin: KinematicTree, data: Data, fit: Fit, dof_mm: np.ndarray, poses: np.ndarray, rate_hz: float
) -> np.ndarray:
    """Return (frame, qpos) for a fit of consecutive frames: some as in `start_poses`, others between.

    Hinges and slides are interpolated, ball joints as in the nearest of those frames. A free body is fitted in every
    frame, since its root may go anywhere meanwhile.
    """
    step = round(_BETWEEN_S * rate_hz)
    if kin.has_root or step < 2:
        return start_poses(kin, data, fit, dof_mm, poses)[0]
    every = np.arange(len(data.pos))
    first = np.r_[True, data.piece[1:] != data.piece[:-1]]
    since = every - np.maximum.accumulate(np.where(first, every, 0))
    chosen = np.flatnonzero((since % step == 0) | np.r_[first[1:], True])
    fitted, _ = start_poses(kin, data.pick(chosen), fit, dof_mm, poses, _ITERATIONS_BETWEEN)
    after = np.minimum(np.searchsorted(chosen, every), len(chosen) - 1)
    before = np.maximum(after - 1, 0)
    q = fitted[np.where(chosen[after] - every <= every - chosen[before], after, before)]
    for a in kin.scalar[0]:
        q[:, a] = np.interp(every, chosen, fitted[:, a])
    return kin.within(q)


def _one_by_one(
    kin: KinematicTree, data: Data, fit: Fit, dof_mm: np.ndarray, rest: np.ndarray, movable: np.ndarray | None = None
) -> PoseFit:
    """Return a solver that fits every frame independently."""
    every = np.arange(len(data.pos))
    targets = Targets(fit.align(data.pos, data.clip), data.seen, every, np.full(data.seen.shape[1], np.inf))
    return PoseFit(kin, targets, None, dof_mm, rest=rest, rest_weight=_REST_WEIGHT, movable=movable)


def _from_root_outwards(
    kin: KinematicTree, data: Data, fit: Fit, dof_mm: np.ndarray, poses: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the root, then the trunk with it, then all.

    The tree tells which dofs are which: those that carry every keypoint, a good part of them, or few.
    """
    q = _rooted(kin, data, fit, poses)
    carried = kin.moves.mean(0)
    for share in (1.0, _TRUNK_SHARE, 0.0):
        solver = _one_by_one(kin, data, fit, dof_mm, poses[0], carried >= share)
        q, cost = solver.solve(q, fit.offsets, fit.scale, 12, 1e-3)
    return q, cost


def _rooted(kin: KinematicTree, data: Data, fit: Fit, poses: np.ndarray) -> np.ndarray:
    """Return (frame, qpos): the first pose, its root where the keypoints say.

    That is Kabsch's rotation (1976, doi:10.1107/S0567739476001873). Keypoints count the more the less they move
    about within the body, so that the trunk decides.
    """
    a = kin.root_qposadr
    home, turned = kin.qpos0[a : a + 3], Rotation.from_quat(kin.qpos0[a + 3 : a + 7], scalar_first=True).as_matrix()
    inside = (fit.scale * kin.pose(poses).sites(fit.offsets) - fit.scale * home) @ turned
    weight = data.seen / (inside.var(0).sum(-1) + 1e-3 * inside.var((0, 1)).sum() + 1e-12)
    weight /= np.maximum(weight.sum(1, keepdims=True), 1e-12)
    template, pos = inside[0], fit.align(data.pos, data.clip)
    from_mean, to_mean = weight @ template, np.einsum("fk,fki->fi", weight, pos)
    cross = np.einsum("fk,fki,fkj->fij", weight, pos - to_mean[:, None], template - from_mean[:, None])
    u, _, vt = np.linalg.svd(cross)
    mirrored = np.linalg.det(u @ vt) < 0
    u[mirrored, :, -1] *= -1
    rotation = u @ vt
    q = np.tile(poses[0], (len(pos), 1))
    q[:, a : a + 3] = (to_mean - np.einsum("fij,fj->fi", rotation, from_mean)) / fit.scale
    q[:, a + 3 : a + 7] = Rotation.from_matrix(rotation).as_quat(scalar_first=True)
    return q


def _repaired(
    kin: KinematicTree, data: Data, fit: Fit, dof_mm: np.ndarray, rest: np.ndarray, q: np.ndarray, cost: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fit bad frames again from the poses of the frames before and after them, as long as that helps."""
    for _ in range(_REPAIRS):
        helped = False
        for step in (-1, 1):
            other = np.clip(np.arange(len(q)) + step, 0, len(q) - 1)
            worth = (cost > _STUCK * np.median(cost)) & (data.piece[other] == data.piece) & (cost[other] < cost)
            bad = np.flatnonzero(worth)
            if not len(bad):
                continue
            solver = _one_by_one(kin, data.pick(bad), fit, dof_mm, rest)
            new_q, new_cost = solver.solve(q[other[bad]], fit.offsets, fit.scale, 15, 1e-3)
            better = new_cost < 0.98 * cost[bad]
            q[bad[better]], cost[bad[better]] = new_q[better], new_cost[better]
            helped |= bool(better.any())
        if not helped:
            break
    return q, cost


def find_orientation(
    kin: KinematicTree, data: Data, scale: float, dof_mm: np.ndarray, freedom: Freedom, tracking_mm: float
) -> Orientation:
    """Find how the recording's axes lie in the model's, by fitting a sample of frames in every square orientation.

    With a shoulder that turns in every direction, several orientations fit nearly equally well, since keypoints that
    move along their segments make up for a wrong one. Keypoints are therefore held more strongly than in the fit
    itself: by the distances that remain in the best orientation, where those are larger than ``tracking_mm``. Among
    orientations that fit about equally well the model's own axes are preferred, then axes that are merely exchanged,
    then any rotation. A difference of ``tracking_mm`` in every keypoint's distance is not enough to choose by.
    """
    data = _sample(data)
    count, starts = float(data.seen.sum()), sample_poses(kin, 4)
    firsts = []
    for rotation in Rotation.create_group("O").as_matrix():
        shift = start_translation(kin, scale, rotation, data, sample_poses(kin, 100))
        fit = Fit.start(kin, scale, rotation, shift)
        q, cost = start_poses(kin, data, fit, dof_mm, starts, 20)
        firsts.append(State(fit, q, cost.sum()))
    firsts.sort(key=lambda state: _angle(state.fit.rotation[0]))
    own = firsts.pop(0)
    likely = [own, *sorted(firsts, key=lambda state: state.cost)[:_REFINED]]
    square = attrs.evolve(freedom, rotation=False)
    likely = [_refine(kin, data, state, dof_mm, square, starts[0]) for state in likely]
    remaining_mm = np.sqrt(min(state.cost for state in likely) / (3.0 * count))
    if freedom.offset_weight is not None:
        held = freedom.offset_weight * max(1.0, remaining_mm / tracking_mm) ** 2
        square = attrs.evolve(square, offset_weight=held)
    alike = count * (_ALIKE * tracking_mm) ** 2
    trials = []
    for state in likely:
        fixed = _refine(kin, data, state, dof_mm, square, starts[0])
        free = _refine(kin, data, state, dof_mm, attrs.evolve(square, rotation=True), starts[0])
        trials.append((fixed.fit.rotation[0], fixed.cost + alike, free.fit.rotation[0], free.cost + alike))
    best = min(trials, key=lambda t: t[1])
    if trials[0][1] <= _AS_GOOD * best[1]:
        best = trials[0]
    turned = min(trials, key=lambda t: t[3])
    if best[1] > _SNAP * turned[3]:
        return Orientation(turned[2], "free", _rivalry([t[2:] for t in trials], *turned[2:]))
    kind = "model" if best is trials[0] else "square"
    return Orientation(best[0], kind, _rivalry([t[:2] for t in trials], *best[:2]))


def _rivalry(trials: list[tuple[np.ndarray, float]], rotation: np.ndarray, cost: float) -> float | None:
    rivals = [c for other, c in trials if _angle(other @ rotation.T) > np.deg2rad(30)]
    return min(rivals) / cost if rivals else None


def _angle(rotation: np.ndarray) -> float:
    return float(Rotation.from_matrix(rotation).magnitude())


def _sample(data: Data) -> Data:
    """Return some frames, spread over all clips, or over `_SEARCH_CLIPS` of them, at least one of each."""
    clips = np.unique(data.clip)
    if len(clips) > _SEARCH_CLIPS:
        kept = clips[np.linspace(0, len(clips) - 1, _SEARCH_CLIPS).astype(int)]
        data = data.pick(np.flatnonzero(np.isin(data.clip, kept)))
        data = data._replace(clip=np.searchsorted(kept, data.clip))
    step = max(1, len(data.pos) // _SEARCH_FRAMES)
    first = np.flatnonzero(np.r_[True, data.clip[1:] != data.clip[:-1]])
    return data.pick(np.union1d(np.arange(0, len(data.pos), step), first))


def _refine(
    kin: KinematicTree, data: Data, state: State, dof_mm: np.ndarray, freedom: Freedom, rest: np.ndarray
) -> State:
    """Take some steps of poses and calibration together."""
    problem = Problem(
        kin=kin,
        data=data,
        freedom=freedom,
        outlier_mm=np.full(data.seen.shape[1], np.inf),
        dof_mm=dof_mm,
        smoothness=None,
        rest=rest,
        rest_weight=_REST_WEIGHT,
    )
    return problem.solve(attrs.evolve(state, cost=problem.cost(state.fit, state.q)), 25, 1e-4)
