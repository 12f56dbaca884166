"""Keypoints made from known movements of a known body, with noise and gaps."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core import Body, BodyModel, Keypoints, ReferenceClips

MM = 1e3
MISSING = 0.1


@attrs.frozen
class Truth:
    """A movement that is known: who made it, how, and what was seen of it.

    Attributes:
        model: the body that moved, compiled.
        qpos: (frame, qpos) per clip.
        pos: (frame, keypoint, 3) m per clip, where the keypoints were.
        seen: what a registration gets, with noise and gaps.
    """

    model: BodyModel
    qpos: list[np.ndarray]
    pos: list[np.ndarray]
    seen: Keypoints


def make_truth(clips: ReferenceClips, body: Body, max_gap_ms: float, noise_mm: float, seed: int) -> Truth:
    """Let ``body`` make the clips' movements and track it with noise and gaps."""
    rng = np.random.default_rng(seed)
    model = BodyModel.compile(body)
    qpos = [q[:n] for q, n in zip(clips.qpos, clips.n_frames, strict=True)]
    pos = [body.scale * sites(model, q) for q in qpos]
    longest = int(max_gap_ms / 1e3 * clips.rate_hz + 1e-6)
    seen = []
    for clip in pos:
        noisy = clip + rng.normal(0.0, noise_mm / MM, clip.shape)
        noisy[gaps(rng, clip.shape[:2], longest)] = np.nan
        seen.append(noisy)
    keypoints = Keypoints.from_clips(
        seen, names=model.keypoint_names, rate_hz=clips.rate_hz, clip_names=clips.clip_names, origin="synthetic"
    )
    return Truth(model, qpos, pos, keypoints)


def sites(model: BodyModel, qpos: np.ndarray) -> np.ndarray:
    """Return (frame, keypoint, 3) m at ``qpos`` (frame, qpos), by MuJoCo itself."""
    import mujoco

    state = mujoco.MjData(model.mj_model)
    out = np.empty((len(qpos), len(model.keypoint_names), 3))
    for frame, q in enumerate(qpos):
        state.qpos[:] = q
        mujoco.mj_kinematics(model.mj_model, state)
        out[frame] = state.site_xpos[model.keypoint_site_ids]
    return out


def gaps(rng: np.random.Generator, shape: tuple[int, int], longest: int) -> np.ndarray:
    """Return (frame, keypoint) True where the tracking failed: single frames and runs, none longer than ``longest``."""
    missing = np.zeros(shape, bool)
    while missing.mean() < MISSING:
        frame, keypoint = rng.integers(shape[0]), rng.integers(shape[1])
        length = 1 if rng.random() < 0.5 else rng.integers(1, longest + 1)
        column = missing[:, keypoint].copy()
        column[frame : frame + length] = True
        if longest_run(column) <= longest:
            missing[:, keypoint] = column
    return missing


def longest_run(flags: np.ndarray) -> int:
    """Return the length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.r_[False, flags, False]))
    return int((edges[1::2] - edges[::2]).max(initial=0))
