"""Keypoints of known poses, as a camera with noise and gaps sees them."""

from __future__ import annotations

import attrs
import mujoco
import numpy as np

from mimic_core import BodyModel, Keypoints
from mimic_synthetic.settings import Camera

MM = 1e3
_NOISE_SHARE = 1 / 60


@attrs.frozen(kw_only=True)
class Truth:
    """What the keypoints were made from.

    Attributes:
        qpos: (clip, frame, qpos) rad, m.
        site_pos: (clip, frame, keypoint, 3) m, without noise and gaps.
        offsets: (keypoint, 3) m, the true keypoints in their bodies' frames.
        target: (clip,) number of the target that the clip reaches to; 0 where there is none.
    """

    qpos: np.ndarray
    site_pos: np.ndarray
    offsets: np.ndarray
    target: np.ndarray


def true_offsets(c: Camera, model: BodyModel, rng: np.random.Generator) -> np.ndarray:
    """(keypoint, 3) m, where keypoints really are in their bodies' frames."""
    offsets = model.mj_model.site_pos[model.keypoint_site_ids]
    return offsets + rng.normal(0.0, c.offset_mm / (MM * model.body.scale), offsets.shape)


def kinematics(model: BodyModel, qpos: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return keypoints (clip, frame, keypoint, 3) m of poses (clip, frame, qpos)."""
    m = model.mj_model
    data = mujoco.MjData(m)
    bodies = m.site_bodyid[model.keypoint_site_ids]
    sites = np.empty((*qpos.shape[:2], len(bodies), 3))
    for at in np.ndindex(*qpos.shape[:2]):
        data.qpos[:] = qpos[at]
        mujoco.mj_kinematics(m, data)
        turn = data.xmat[bodies].reshape(-1, 3, 3)
        sites[at] = data.xpos[bodies] + np.einsum("kij,kj->ki", turn, offsets)
    return sites


def record(c: Camera, model: BodyModel, site_pos: np.ndarray, rng: np.random.Generator) -> Keypoints:
    """Return what the camera sees of keypoints (clip, frame, keypoint, 3), which are in the model's unit of length."""
    site_pos = model.body.scale * site_pos
    noise_mm = c.noise_mm if c.noise_mm is not None else _NOISE_SHARE * _size_mm(site_pos, model.root is not None)
    seen = site_pos + rng.normal(0.0, noise_mm / MM, site_pos.shape)
    seen[_gaps(c, rng, site_pos.shape[:3])] = np.nan
    names = [f"synthetic_{i + 1:03d}" for i in range(c.clips)]
    return Keypoints.from_clips(
        list(seen), names=model.keypoint_names, rate_hz=c.rate_hz, clip_names=names, origin="synthetic"
    )


def _gaps(c: Camera, rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """(clip, frame, keypoint) True where the camera lost a keypoint."""
    gaps = np.zeros(shape, bool)
    longest = int(c.gap_ms * c.rate_hz / MM + 1e-9)
    if not longest:
        return gaps
    wanted = c.gap_share * gaps.size
    for _ in range(100 * gaps.size):
        if gaps.sum() >= wanted:
            break
        clip, k, first = rng.integers((shape[0], shape[2], shape[1]))
        end = first + rng.integers(1, longest + 1)
        # Runs that touch would make one that is longer than the longest.
        if not gaps[clip, max(first - 1, 0) : end + 1, k].any():
            gaps[clip, first:end, k] = True
    return gaps


def _size_mm(site_pos: np.ndarray, free: bool) -> float:
    """Root mean square distance of keypoints from the middle of all, mm; of a free animal from that of each frame."""
    middle = site_pos.mean(2, keepdims=True) if free else site_pos.mean((0, 1, 2))
    return float(np.sqrt(((site_pos - middle) ** 2).sum(-1).mean()) * MM)
