"""Offset phase: keypoint offsets, scale and alignment by closed-form regularised least squares.

For given poses the residual of keypoint k in frame t of clip c,

    R y_tk + T + shift_c - s p_tk - B_tk u_k,   u_k = s o_k,

is linear in scale s, offsets u, translation T and the clip's shift (small rotations enter to first
order), so one linear solve gives the minimum. Taking off what the poses would give back (the part of
each column that lies in the range of the pose Jacobian; variable projection, Kaufman 1975,
doi:10.1007/BF01932995) turns the slow alternation into a fast one. The clips' own unknowns are
eliminated first (Schur complement), so that the cost grows linearly with clips.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs
import numpy as np
from scipy.spatial.transform import Rotation

from mimic_stac.kinematics import Pose


@attrs.frozen(kw_only=True)
class Fit:
    """Everything that is estimated besides the poses.

    Attributes:
        scale: size of the animal over the size of the model.
        offsets: (keypoint, 3) m in the bodies' frames, at the model's size.
        rotation: (clip, 3, 3) and
        translation: (clip, 3) m: recorded metres to model axes, at the animal's size.
        shift: (clip, 3) m, the part of the translation that is the clip's own.
        turn: (clip, 3) rad, the part of the rotation that is the clip's own.
    """

    scale: float
    offsets: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    shift: np.ndarray
    turn: np.ndarray

    @classmethod
    def start(cls, scale: float, offsets: np.ndarray, rotation: np.ndarray, translation: np.ndarray) -> Fit:
        """Return a fit with one rotation (3, 3) for all clips, translation (clip, 3), nothing of their own."""
        n = len(translation)
        return cls(
            scale=scale,
            offsets=offsets,
            rotation=np.tile(rotation, (n, 1, 1)),
            translation=translation,
            shift=np.zeros((n, 3)),
            turn=np.zeros((n, 3)),
        )

    def align(self, pos: np.ndarray, clip: np.ndarray) -> np.ndarray:
        """Return recorded positions (frame, keypoint, 3) in the model's axes, at the animal's size."""
        return np.einsum("fij,fkj->fki", self.rotation[clip], pos) + self.translation[clip][:, None]


@attrs.frozen(kw_only=True)
class Freedom:
    """What the offset phase may change, and how strongly it is held, against a weight of 1 for the data.

    Attributes:
        scale: estimate the scale.
        translation: estimate one translation for the recording.
        rotation: estimate one rotation for the recording.
        shift_weight: hold on each clip's own translation; None forbids one.
        turn_weight: hold on each clip's own rotation, as the displacement it causes; None forbids one.
        offset_weight: hold of each keypoint on its initial place.
    """

    scale: bool
    translation: bool
    rotation: bool
    shift_weight: float | None
    turn_weight: float | None
    offset_weight: float


class Data(NamedTuple):
    """Recorded keypoints: frames of all clips, one after the other."""

    pos: np.ndarray
    """(frame, keypoint, 3) m as recorded, 0 where not seen"""
    seen: np.ndarray
    """(frame, keypoint) 1.0 where tracked, else 0.0"""
    clip: np.ndarray
    """(frame,) number of the clip, rising"""

    def per_clip(self, x: np.ndarray) -> np.ndarray:
        """Sum (frame, …) over the frames of each clip."""
        return np.add.reduceat(x, np.flatnonzero(np.r_[True, self.clip[1:] != self.clip[:-1]]))


def prior_cost(fit: Fit, initial: np.ndarray, data: Data, freedom: Freedom) -> float:
    """Return the regularisers' part of the cost, m²."""
    count = data.per_clip(data.seen.sum(1))
    moved = fit.scale * (fit.offsets - initial)
    cost = freedom.offset_weight * float(data.seen.sum(0) @ (moved**2).sum(1))
    if freedom.shift_weight is not None:
        cost += freedom.shift_weight * float(count @ (fit.shift**2).sum(1))
    if freedom.turn_weight is not None:
        cost += freedom.turn_weight * float(_lever(fit, data)[2] @ (fit.turn**2).sum(1))
    return cost


def _lever(fit: Fit, data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each clip's middle (clip, 3), the arms about it (frame, keypoint, 3) and their summed squares (clip,).

    A rotation turns a clip about its own middle, so that rotation and translation stay apart.
    """
    y = fit.align(data.pos, data.clip) * data.seen[..., None]
    count = np.maximum(data.per_clip(data.seen.sum(1)), 1.0)
    middle = data.per_clip(y.sum(1)) / count[:, None]
    arm = (y - middle[data.clip][:, None]) * data.seen[..., None]
    return middle, arm, data.per_clip((arm**2).sum((1, 2)))


def calibrate(
    fit: Fit,
    pose: Pose,
    jacobian: np.ndarray,
    ridge: np.ndarray,
    initial: np.ndarray,
    data: Data,
    freedom: Freedom,
    caution: float,
) -> Fit:
    """Return the fit that minimises the regularised squared distances.

    Args:
        jacobian: (frame, keypoint, 3, dof) of the sites at the model's size, 0 for dofs held at a limit.
        ridge: (dof,) m², what holds a dof besides the data.
        initial: (keypoint, 3) m, where the body has the keypoints.
        caution: 1 keeps the poses as they are (exact minimum, never uphill); 0 lets them follow to first order.
    """
    n_kp, clip, seen = len(initial), data.clip, data.seen
    middle, arm, arm_sq = _lever(fit, data)
    y = fit.align(data.pos, clip)
    eye = np.broadcast_to(np.eye(3), (*y.shape[:2], 3, 3))
    turns = _turn_columns(arm)
    recording = [-pose.origin[..., None], *(-_offset_columns(pose, k) for k in range(n_kp)), eye, turns]
    n_g = 1 + 3 * n_kp + 6
    columns = np.concatenate([*recording, eye, turns], -1) * seen[..., None, None]
    columns = columns.reshape(len(y), 3 * n_kp, n_g + 6)

    # Unknowns: scale, offsets times scale, movement of the recording, movement of each clip.
    now = np.concatenate([[fit.scale], (fit.scale * fit.offsets).ravel(), np.zeros(6)])
    residual = np.einsum("frg,g->fr", columns[..., :n_g], now) + (y * seen[..., None]).reshape(len(y), -1)
    hess = np.swapaxes(columns, 1, 2) @ columns
    if caution < 1:
        j = (jacobian * (fit.scale * seen[..., None, None])).reshape(len(y), 3 * n_kp, -1)
        through = np.swapaxes(j, 1, 2) @ columns
        inner = np.swapaxes(j, 1, 2) @ j + np.eye(len(ridge)) * ridge
        hess = hess - (1 - caution) * np.swapaxes(through, 1, 2) @ np.linalg.solve(inner, through)
    hess = data.per_clip(hess)
    grad = data.per_clip(np.einsum("frg,fr->fg", columns, residual))

    gg, gr = hess[:, :n_g, :n_g].sum(0), grad[:, :n_g].sum(0)
    cc, cg, cr = hess[:, n_g:, n_g:], hess[:, n_g:, :n_g], grad[:, n_g:]
    hold, pull = _offset_hold(initial, seen.sum(0), freedom.offset_weight, now)
    gg, gr = gg + hold, gr + pull
    own = np.concatenate(
        [
            np.tile((freedom.shift_weight or 0.0) * data.per_clip(seen.sum(1))[:, None], 3),
            np.tile((freedom.turn_weight or 0.0) * arm_sq[:, None], 3),
        ],
        1,
    )
    cc = cc + own[:, None] * np.eye(6)
    cr = cr + own * np.concatenate([fit.shift, fit.turn], 1)

    g_free = np.array([freedom.scale] + [True] * (3 * n_kp) + [freedom.translation] * 3 + [freedom.rotation] * 3)
    c_free = np.array([freedom.shift_weight is not None] * 3 + [freedom.turn_weight is not None] * 3)
    dg, dc = _solve(gg, gr, cc, cg, cr, g_free, c_free)
    return _moved(fit, now + dg, dc, middle, n_kp)


def _offset_hold(
    initial: np.ndarray, seen: np.ndarray, weight: float, now: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return Hessian and gradient of weight * sum_k N_k |u_k - s o_k|² / 2 in (s, u, …)."""
    hold = np.zeros((len(now), len(now)))
    for k, o in enumerate(initial):
        b = np.zeros((3, len(now)))
        b[:, 0], b[:, 1 + 3 * k : 4 + 3 * k] = -o, np.eye(3)
        hold += weight * seen[k] * b.T @ b
    return hold, hold @ now


def _solve(
    gg: np.ndarray,
    gr: np.ndarray,
    cc: np.ndarray,
    cg: np.ndarray,
    cr: np.ndarray,
    g_free: np.ndarray,
    c_free: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Solve the arrow-shaped normal equations for the free unknowns; the others stay."""
    dg, dc = np.zeros(len(gr)), np.zeros(cr.shape)
    gg, gr, cg = gg[np.ix_(g_free, g_free)], gr[g_free], cg[:, c_free][:, :, g_free]
    cc, cr = cc[:, c_free][:, :, c_free], cr[:, c_free]
    if c_free.any():
        inv = np.linalg.pinv(cc, rcond=1e-12, hermitian=True)
        gg = gg - np.einsum("cag,cab,cbh->gh", cg, inv, cg, optimize=True)
        gr = gr - np.einsum("cag,cab,cb->g", cg, inv, cr, optimize=True)
    dg[g_free] = -np.linalg.lstsq(gg, gr, rcond=1e-12)[0]
    if c_free.any():
        dc[:, c_free] = -np.einsum("cab,cb->ca", inv, cr + cg @ dg[g_free])
    return dg, dc


def _moved(fit: Fit, x: np.ndarray, own: np.ndarray, middle: np.ndarray, n_kp: int) -> Fit:
    scale = float(x[0])
    move, spin = x[1 + 3 * n_kp : 4 + 3 * n_kp], x[4 + 3 * n_kp :]
    delta = Rotation.from_rotvec(spin + own[:, 3:]).as_matrix()
    translation = np.einsum("cij,cj->ci", delta, fit.translation - middle) + middle + move + own[:, :3]
    return Fit(
        scale=scale,
        offsets=x[1 : 1 + 3 * n_kp].reshape(n_kp, 3) / scale,
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


def _turn_columns(v: np.ndarray) -> np.ndarray:
    """(…, 3, 3) matrices M with M w = w x v."""
    x, y, z = np.moveaxis(v, -1, 0)
    o = np.zeros_like(x)
    return np.stack([o, z, -y, -z, o, x, y, -x, o], -1).reshape(*v.shape, 3)
