"""The null model of a registration: the body held in its mean pose."""

from __future__ import annotations

from typing import Any

import numpy as np

from mimic_core import BodyModel, ReferenceClips
from mimic_core.records import error_summary

MEAN_POSE = "body held in its mean pose"
MEAN_POSE_KEY = "mean_pose_error_mm"
"""in the clips' provenance: a summary of `mean_pose_error_mm`"""


def mean_pose_summary(clips: ReferenceClips) -> dict[str, Any]:
    """Mean and the like of `mean_pose_error_mm`, over all keypoints and of each."""
    return error_summary(mean_pose_error_mm(clips), clips.keypoint_names)


def mean_pose_error_mm(clips: ReferenceClips) -> np.ndarray:
    """Return (clip, frame, keypoint) mm of the animal, the error of the body held in its mean pose.

    Each clip as a whole is carried rigidly to where it fits best; of a body with a free root each frame is.
    """
    from mimic_core.body import positions
    from mimic_kinematics.quaternions import mean

    model = BodyModel.compile(clips.body)
    inside = np.arange(clips.qpos.shape[1]) < clips.n_frames[:, None]
    pose = mean(model.mj_model, clips.qpos[inside])
    if model.root is not None:
        pose[model.root_qposadr : model.root_qposadr + 7] = model.mj_model.qpos0[model.root_qposadr :][:7]
    shape, _ = positions(model, pose)
    points = np.where(inside[..., None, None], clips.tracked_pos, np.nan)
    if model.root is None:
        shape = np.tile(shape, (points.shape[1], 1))
        points = points.reshape(len(points), -1, 3)
    return 1e3 * clips.body.scale * rigid_distance(points, shape).reshape(clips.tracked_pos.shape[:3])


def rigid_distance(points: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Return (…, point) the distance of points from a rigid shape, moved and turned to where it fits them best.

    By least squares (Kabsch 1976, doi:10.1107/S0567739476001873); NaN points are left out.

    Args:
        points: (…, point, xyz).
        shape: (point, xyz).
    """
    known = np.isfinite(points).all(-1, keepdims=True)
    n = np.maximum(known.sum(-2, keepdims=True), 1)
    there, own = (np.where(known, x, 0.0) for x in (points, np.broadcast_to(shape, points.shape)))
    there, own = (np.where(known, x - x.sum(-2, keepdims=True) / n, 0.0) for x in (there, own))
    u, _, vt = np.linalg.svd(np.swapaxes(own, -1, -2) @ there)
    u[..., -1] *= np.sign(np.linalg.det(u @ vt))[..., None]
    return np.where(known[..., 0], np.linalg.norm(there - own @ (u @ vt), axis=-1), np.nan)
