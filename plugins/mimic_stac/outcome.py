"""What a registration writes down: the reference clips and what there is to know about the fit."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from mimic_core import Body, BodyModel, Keypoints, ReferenceClips
from mimic_kinematics.quaternions import tidy
from mimic_kinematics.rates import velocity
from mimic_stac.calibrate import Fit, Freedom
from mimic_stac.jumps import DISTRUST, runs
from mimic_stac.kinematics import KinematicTree
from mimic_stac.pose import MM
from mimic_stac.remarks import remarks

_UNCHANGED = 1e-9


def registered_body(body: Body, model: BodyModel, kin: KinematicTree, fit: Fit) -> Body:
    """Return the body with the animal's keypoint positions, scale and segments."""
    at = zip(model.keypoint_names, fit.offsets, strict=True)
    grown = {
        name: body.segment_scale.get(name, 1.0) * float(f)
        for name, f in zip(kin.segment_names, fit.segments, strict=True)
        if abs(f - 1) > _UNCHANGED
    }
    return attrs.evolve(
        body,
        keypoint_pos={k: tuple(map(float, o)) for k, o in at},
        scale=fit.scale,
        segment_scale={**body.segment_scale, **grown},
    )


def reference_clips(
    keypoints: Keypoints,
    body: Body,
    model: BodyModel,
    kin: KinematicTree,
    fit: Fit,
    q: np.ndarray,
    trust: np.ndarray,
    provenance: dict[str, Any],
) -> ReferenceClips:
    """Return the clips. ``q`` (frame, qpos) and ``trust`` (frame, keypoint) are of all clips, one after the other."""
    n = keypoints.n_frames
    shape = keypoints.positions.shape[:2]
    inside = np.arange(shape[1]) < n[:, None]
    rotation, translation = fit.rotation / fit.scale, fit.translation / fit.scale

    def padded(x: np.ndarray) -> np.ndarray:
        out = np.full((*shape, *x.shape[1:]), np.nan)
        out[inside] = x
        return out

    sites = padded(kin.scaled(fit.segments).pose(q).sites(fit.offsets))
    whole = np.where(np.isnan(keypoints.positions).any(-1, keepdims=True), np.nan, keypoints.positions)
    tracked = np.einsum("cij,cfkj->cfki", rotation, whole) + translation[:, None, None]
    alignment = np.tile(np.eye(4), (len(n), 1, 1))
    alignment[:, :3, :3], alignment[:, :3, 3] = rotation, translation
    qpos, qvel = padded(q), np.full((*shape, model.mj_model.nv), np.nan)
    for c, count in enumerate(n):
        qpos[c, :count] = tidy(model.mj_model, qpos[c, :count])
        rates = velocity(qpos[c, :count], model, keypoints.rate_hz)
        qvel[c, :count] = kin.couplings.settle_rates(rates, qpos[c, :count])
    return ReferenceClips(
        body=registered_body(body, model, kin, fit),
        rate_hz=keypoints.rate_hz,
        clip_names=keypoints.clip_names,
        joint_names=model.joint_names,
        keypoint_names=model.keypoint_names,
        n_frames=n,
        qpos=qpos,
        qvel=qvel,
        site_pos=sites,
        tracked_pos=tracked,
        error_mm=np.linalg.norm(tracked - sites, axis=-1) * fit.scale * MM,
        alignment=alignment,
        trust=padded(trust),
        remarks=tuple(remarks(provenance)),
        provenance=provenance,
    )


def diagnostics(body: Body, model: BodyModel, kin: KinematicTree, fit: Fit, q: np.ndarray) -> dict[str, Any]:
    """Return what tells a good fit from a bad one, JSON-able."""
    moved = np.linalg.norm(fit.offsets - kin.scaled(fit.segments).site_pos, axis=1) * MM * fit.scale
    spread = body.keypoint_spread * MM * fit.scale
    names = model.keypoint_names
    fitted = np.flatnonzero(np.isin(model.joint_dofadr, kin.dofs))  # the others carry no keypoint and rest
    places = model.joint_qposadr[fitted]
    held = (q[:, places] <= kin.lower[places] + 1e-6) | (q[:, places] >= kin.upper[places] - 1e-6)
    return {
        "scale": fit.scale / body.length_unit,
        "segment_scale": dict(registered_body(body, model, kin, fit).segment_scale),
        "offset_moved_mm": dict(zip(names, moved.tolist(), strict=True)),
        "offset_beyond_spread": [n for n, m in zip(names, moved, strict=True) if m > spread],
        "share_at_joint_limit": {
            model.joint_names[j]: float(share) for j, share in zip(fitted, held.mean(0), strict=True)
        },
        "joints_coupled": [model.mj_model.joint(j).name for j in kin.couplings.joint],
        "coupling_violation_max": float(np.abs(kin.couplings.violation(q)).max(initial=0.0)),
        "coupling_limits": list(kin.narrowed),
        "constraints_left_out": list(kin.couplings.left_out),
        "clip_shift_mm_max": float(np.linalg.norm(fit.shift, axis=1).max() * MM),
        "clip_turn_deg_max": float(np.rad2deg(np.linalg.norm(fit.turn, axis=1).max())),
    }


def free_parameters(freedom: Freedom, fit: Fit, n_angles: int) -> dict[str, int]:
    """What was fitted → how many numbers. Offsets, segments, shifts and turns are held on a start; all count.

    Args:
        n_angles: joint angles (of a free root position and orientation too) in a frame, times frames.
    """
    clips = len(fit.shift)
    found = {
        "joint angles": n_angles,
        "scale": int(freedom.scale),
        "segments": len(fit.segments) if freedom.segment_weight is not None else 0,
        "offsets of keypoints": fit.offsets.size if freedom.offset_weight is not None else 0,
        "place of the recording": 3 * freedom.translation + 3 * freedom.rotation,
        "shift of each clip": 3 * clips if freedom.shift_weight is not None else 0,
        "turn of each clip": 3 * clips if freedom.turn_weight is not None else 0,
    }
    return {what: n for what, n in found.items() if n}


def jumps(keypoints: Keypoints, tracked: np.ndarray, trust: np.ndarray) -> list[dict[str, Any]]:
    """Return the runs of frames that were tracked but are not believed, counted from 0 within their clip.

    Args:
        tracked: (frame, keypoint) True where the file has a position.
        trust: (frame, keypoint) how far the fit believed it.
    """
    bad = tracked & (trust < DISTRUST)
    out = []
    ends = np.cumsum(keypoints.n_frames)
    for name, end, count in zip(keypoints.clip_names, ends, keypoints.n_frames, strict=True):
        for k, keypoint in enumerate(keypoints.names):
            for first, last in runs(bad[end - count : end, k]):
                out.append({"clip": name, "keypoint": keypoint, "first": first, "last": last})
    return out
