"""Keypoint offsets, scale, segments and alignment, together with the poses, by regularised least squares.

For given poses the residual of keypoint k in frame t of clip c,

    R y_tk + T + shift_c - s p_tk - sum_g z_g c_tkg - B_tk u_k,   z_g = s f_g,   u_k = s o_k,

is linear in scale s, segment sizes z (f_g is segment g's factor, c its contribution to where the keypoint's
body is), offsets u, translation T and the clip's shift (small rotations enter to first order). Alternating
between them and the poses (STAC) converges slowly where a pose can make up for an offset, so a step moves
both: the poses, whose matrix is banded, are eliminated first, then the clips' own unknowns (Schur
complements, as in bundle adjustment; Triggs et al. 1999, doi:10.1007/3-540-44480-7_21). What is left is as
small as the offsets are many, and the cost grows linearly with frames and clips.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs
import numpy as np
from scipy.linalg import cho_solve_banded, cholesky_banded
from scipy.spatial.transform import Rotation

from mimic_stac.kinematics import KinematicTree, Pose, turn_columns
from mimic_stac.pose import MM, PoseFit

_PER_CLIP = ("rotation", "translation", "shift", "turn")


@attrs.frozen(kw_only=True)
class Fit:
    """Everything that is estimated besides the poses.

    Attributes:
        scale: size of the animal over the size of the model.
        segments: (segment,) how much longer each segment is than the model's, beyond ``scale``.
        offsets: (keypoint, 3) m in the bodies' frames, at the model's size.
        rotation: (clip, 3, 3) and
        translation: (clip, 3) m: recorded metres to model axes, at the animal's size.
        shift: (clip, 3) m, the part of the translation that is the clip's own.
        turn: (clip, 3) rad, the part of the rotation that is the clip's own.
    """

    scale: float
    segments: np.ndarray
    offsets: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    shift: np.ndarray
    turn: np.ndarray

    @classmethod
    def start(cls, kin: KinematicTree, scale: float, rotation: np.ndarray, translation: np.ndarray) -> Fit:
        """Return a fit with one rotation (3, 3), translations (clip, 3) m, and no shift or turn of single clips."""
        n = len(translation)
        return cls(
            scale=scale,
            segments=np.ones(len(kin.segment_names)),
            offsets=kin.site_pos,
            rotation=np.tile(rotation, (n, 1, 1)),
            translation=translation,
            shift=np.zeros((n, 3)),
            turn=np.zeros((n, 3)),
        )

    def of_clips(self, clips: np.ndarray) -> Fit:
        """Return the fit of some clips, which are then numbered from 0 in that order."""
        return attrs.evolve(self, **{name: getattr(self, name)[clips] for name in _PER_CLIP})

    def with_clips(self, clips: np.ndarray, other: Fit) -> Fit:
        """Return this fit with some clips as in ``other``, which is of these alone."""
        new = {name: getattr(self, name).copy() for name in _PER_CLIP}
        for name, values in new.items():
            values[clips] = getattr(other, name)
        return attrs.evolve(self, **new)

    def align(self, pos: np.ndarray, clip: np.ndarray) -> np.ndarray:
        """Return recorded positions (frame, keypoint, 3) in the model's axes, at the animal's size."""
        return np.einsum("fij,fkj->fki", self.rotation[clip], pos) + self.translation[clip][:, None]


@attrs.frozen(kw_only=True)
class Freedom:
    """What besides the poses may change, and how strongly it is held, against a weight of 1 for the data.

    Attributes:
        scale: estimate the scale.
        translation: estimate one translation for the recording.
        rotation: estimate one rotation for the recording.
        shift_weight: hold on each clip's own translation; None forbids one.
        turn_weight: hold on each clip's own rotation, as the displacement it causes; None forbids one.
        offset_weight: hold of each keypoint on its initial place; None forbids offsets.
        segment_weight: hold of each segment on the common scale, m² per unit of its factor; None forbids segments.
    """

    scale: bool
    translation: bool
    rotation: bool
    shift_weight: float | None
    turn_weight: float | None
    offset_weight: float | None
    segment_weight: float | None = None

    @property
    def any(self) -> bool:
        """False where only the poses are sought."""
        held = (self.shift_weight, self.turn_weight, self.offset_weight, self.segment_weight)
        return self.scale or self.translation or self.rotation or any(weight is not None for weight in held)

    def of_clips(self) -> Freedom:
        """Return what is each clip's own."""
        return attrs.evolve(self.nothing(), shift_weight=self.shift_weight, turn_weight=self.turn_weight)

    @staticmethod
    def nothing() -> Freedom:
        """Return the freedom of the poses alone."""
        return Freedom(
            scale=False, translation=False, rotation=False, shift_weight=None, turn_weight=None, offset_weight=None
        )


class Data(NamedTuple):
    """Recorded keypoints: frames of all clips, one after the other."""

    pos: np.ndarray
    """(frame, keypoint, 3) m as recorded, 0 where not seen"""
    seen: np.ndarray
    """(frame, keypoint) how far the recording is to be believed: 1.0 where tracked, 0.0 where missing"""
    clip: np.ndarray
    """(frame,) number of the clip, rising"""
    piece: np.ndarray
    """(frame,) number of the run of consecutive frames, rising; a clip is one piece or more"""

    def pick(self, frames: np.ndarray, piece: np.ndarray | None = None) -> Data:
        """Return some frames; without their own ``piece`` numbers each is a piece of its own."""
        return Data(
            self.pos[frames], self.seen[frames], self.clip[frames], np.arange(len(frames)) if piece is None else piece
        )

    def per_clip(self, x: np.ndarray) -> np.ndarray:
        """Sum (frame, …) over the frames of each clip."""
        return np.add.reduceat(x, np.flatnonzero(np.r_[True, self.clip[1:] != self.clip[:-1]]))


def prior_cost(fit: Fit, kin: KinematicTree, data: Data, freedom: Freedom) -> float:
    """Return the regularisers' part of the cost, m². ``kin`` is the body before segments were scaled."""
    count = data.per_clip(data.seen.sum(1))
    cost = 0.0
    if freedom.offset_weight is not None:
        moved = fit.scale * (fit.offsets - kin.scaled(fit.segments).site_pos)
        cost += freedom.offset_weight * float(data.seen.sum(0) @ (moved**2).sum(1))
    if freedom.segment_weight is not None:
        cost += freedom.segment_weight * float(_per_keypoint(data.seen) * ((fit.scale * (fit.segments - 1)) ** 2).sum())
    if freedom.shift_weight is not None:
        cost += freedom.shift_weight * float(count @ (fit.shift**2).sum(1))
    if freedom.turn_weight is not None:
        cost += freedom.turn_weight * float(_lever(fit, data)[2] @ (fit.turn**2).sum(1))
    return cost


def _per_keypoint(seen: np.ndarray) -> float:
    """Frames in which a keypoint is seen, on average."""
    return float(seen.sum(0).mean())


def _lever(fit: Fit, data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each clip's middle (clip, 3), the arms about it (frame, keypoint, 3) and their summed squares (clip,).

    A rotation turns a clip about its own middle, so that rotation and translation stay apart.
    """
    y = fit.align(data.pos, data.clip) * data.seen[..., None]
    count = np.maximum(data.per_clip(data.seen.sum(1)), 1.0)
    middle = data.per_clip(y.sum(1)) / count[:, None]
    arm = (y - middle[data.clip][:, None]) * data.seen[..., None]
    return middle, arm, data.per_clip((arm**2).sum((1, 2)))


class Step(NamedTuple):
    """A step of everything at once."""

    fit: Fit
    q: np.ndarray


def simultaneous_step(
    fit: Fit,
    q: np.ndarray,
    solver: PoseFit,
    kin: KinematicTree,
    data: Data,
    freedom: Freedom,
    damping: float,
) -> Step:
    """Return fit and poses after one damped Gauss-Newton step of both.

    Args:
        q: (frame, qpos).
        solver: the pose fit at ``fit``.
        kin: the body before segments were scaled.
        damping: Levenberg-Marquardt's, as a share of the diagonal.
    """
    n, n_kp = data.seen.shape
    at = solver.system(q, fit.offsets, fit.scale, np.full(solver.n_pieces, damping))
    stretch = solver.kin.stretch(q) if freedom.segment_weight is not None else np.zeros((n, n_kp, 0, 3))
    n_seg = stretch.shape[2]
    sizes = 1 + n_seg  # unknowns: scale, segment sizes, offsets times scale, movement of the recording and of each clip
    middle, arm, arm_sq = _lever(fit, data)
    eye, turns = np.broadcast_to(np.eye(3), (n, n_kp, 3, 3)), turn_columns(arm)
    # A free root stays where it is in the recording when the scale changes.
    home = solver.kin.root_pos(q)
    columns = [
        -(at.pose.origin - home[:, None] - stretch.sum(2))[..., None],
        -np.swapaxes(stretch, 2, 3),
        *(-_offset_columns(at.pose, k) for k in range(n_kp)),
        *(eye, turns, eye, turns),
    ]
    g_free, c_free = _free(freedom, n_seg, n_kp)
    free = np.concatenate([g_free, c_free])
    columns = np.concatenate(columns, -1)[..., free] * (at.root_weight[..., None] * MM)
    columns = columns.reshape(n, 3 * n_kp, -1)

    # The poses' unknowns are eliminated: what remains is what they do not take up themselves.
    factor = cholesky_banded(at.bands, lower=True, check_finite=False)
    alone = cho_solve_banded((factor, True), at.gradient.reshape(-1), check_finite=False).reshape(n, -1)
    through = np.swapaxes(at.slope, 1, 2) @ columns
    if solver.frames_apart:
        # Neighbours count as if they rested, which only changes the path to the minimum, and is much faster.
        inner = np.swapaxes(at.slope, 1, 2) @ at.slope
        inner = inner if at.wall is None else inner + at.wall
        every = np.arange(inner.shape[1])
        inner[:, every, every] = at.bands[0].reshape(n, -1)
        taken = np.linalg.solve(inner, through)
    else:
        right = through.reshape(-1, free.sum())
        taken = cho_solve_banded((factor, True), right, check_finite=False).reshape(through.shape)
    hess = np.swapaxes(columns, 1, 2) @ columns - np.swapaxes(through, 1, 2) @ taken
    grad = np.einsum("frg,fr->fg", columns, at.residual) - np.einsum("fdg,fd->fg", through, alone)
    hess, grad = data.per_clip(hess), data.per_clip(grad)
    diagonal = np.maximum(np.einsum("cgg->cg", hess), 0.0)

    now = np.concatenate([np.full(sizes, fit.scale), (fit.scale * fit.offsets).ravel(), np.zeros(6)])
    hold = _hold(fit, kin, data.seen, freedom, n_seg, len(now)) * MM**2
    n_g = int(g_free.sum())
    hold, pull = hold[np.ix_(g_free, g_free)], (hold @ now)[g_free]
    gg = hess[:, :n_g, :n_g].sum(0) + hold + np.diag(damping * (diagonal[:, :n_g].sum(0) + np.diag(hold)))
    own = np.concatenate(
        [
            np.tile((freedom.shift_weight or 0.0) * data.per_clip(data.seen.sum(1))[:, None], 3),
            np.tile((freedom.turn_weight or 0.0) * arm_sq[:, None], 3),
        ],
        1,
    )[:, c_free] * MM**2  # fmt: skip
    cc = hess[:, n_g:, n_g:] + (own + damping * (diagonal[:, n_g:] + own))[:, None] * np.eye(own.shape[1])
    cr = grad[:, n_g:] + own * np.concatenate([fit.shift, fit.turn], 1)[:, c_free]
    dg, dc = np.zeros(len(g_free)), np.zeros((len(cr), len(c_free)))
    dg[g_free], dc[:, c_free] = _solve(gg, grad[:, :n_g].sum(0) + pull, cc, hess[:, n_g:, :n_g], cr)
    dx = np.concatenate([np.tile(dg, (n, 1)), dc[data.clip]], 1)[:, free]
    given = np.einsum("fdg,fg->fd", through, dx)
    dq = -alone - cho_solve_banded((factor, True), given.reshape(-1), check_finite=False).reshape(n, -1)
    new = _moved(fit, now + dg, dc, middle, sizes)
    return Step(new, solver.kin.with_root_scaled(solver.move(q, dq), fit.scale / new.scale))


def _free(freedom: Freedom, n_seg: int, n_kp: int) -> tuple[np.ndarray, np.ndarray]:
    """Which of the recording's and of a clip's unknowns may change."""
    recording = np.array(
        [freedom.scale]
        + [freedom.segment_weight is not None] * n_seg
        + [freedom.offset_weight is not None] * (3 * n_kp)
        + [freedom.translation] * 3
        + [freedom.rotation] * 3
    )
    own = np.array([freedom.shift_weight is not None] * 3 + [freedom.turn_weight is not None] * 3)
    return recording, own


def _hold(fit: Fit, kin: KinematicTree, seen: np.ndarray, freedom: Freedom, n_seg: int, n_g: int) -> np.ndarray:
    """Return the Hessian, m², of half the regularisers of offsets and segments, which are quadratic in the unknowns."""
    rows = []
    if freedom.offset_weight is not None:
        for k, (o, segment) in enumerate(zip(kin.scaled(fit.segments).site_pos, kin.site_segment, strict=True)):
            b = np.zeros((3, n_g))
            b[:, 1 + segment if n_seg and segment >= 0 else 0] = -o
            b[:, 1 + n_seg + 3 * k : 4 + n_seg + 3 * k] = np.eye(3)
            rows.append((freedom.offset_weight * seen[:, k].sum(), b))
    if freedom.segment_weight is not None:
        b = np.zeros((n_seg, n_g))
        b[:, 0] = -1.0
        b[:, 1 : 1 + n_seg] = np.diag(fit.segments)
        rows.append((freedom.segment_weight * _per_keypoint(seen), b))
    return sum((weight * b.T @ b for weight, b in rows), np.zeros((n_g, n_g)))


def _solve(
    gg: np.ndarray, gr: np.ndarray, cc: np.ndarray, cg: np.ndarray, cr: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the arrow-shaped normal equations of the recording's (g) and the clips' own (c) unknowns."""
    if not cr.shape[1]:
        return -np.linalg.lstsq(gg, gr, rcond=1e-12)[0], cr
    inv = np.linalg.pinv(cc, rcond=1e-12, hermitian=True)
    gg = gg - np.einsum("cag,cab,cbh->gh", cg, inv, cg, optimize=True)
    gr = gr - np.einsum("cag,cab,cb->g", cg, inv, cr, optimize=True)
    dg = -np.linalg.lstsq(gg, gr, rcond=1e-12)[0]
    return dg, -np.einsum("cab,cb->ca", inv, cr + cg @ dg)


def _moved(fit: Fit, x: np.ndarray, own: np.ndarray, middle: np.ndarray, sizes: int) -> Fit:
    scale = float(x[0])
    offsets, move, spin = x[sizes:-6].reshape(-1, 3) / scale, x[-6:-3], x[-3:]
    delta = Rotation.from_rotvec(spin + own[:, 3:]).as_matrix()
    translation = np.einsum("cij,cj->ci", delta, fit.translation - middle) + middle + move + own[:, :3]
    return Fit(
        scale=scale,
        segments=fit.segments * x[1:sizes] / scale if sizes > 1 else fit.segments,
        offsets=offsets,
        rotation=delta @ fit.rotation,
        translation=translation,
        shift=fit.shift + own[:, :3],
        turn=fit.turn + own[:, 3:],
    )


def _offset_columns(pose: Pose, k: int) -> np.ndarray:
    """(frame, keypoint, 3, 3) derivative of the prediction by the offset of keypoint ``k``."""
    out = np.zeros((*pose.origin.shape, 3))
    out[:, k] = pose.rotation[:, k]
    return out
