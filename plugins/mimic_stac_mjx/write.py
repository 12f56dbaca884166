"""Reference clips as a STAC-MJX file: the frames of all clips, one clip after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import mujoco
import numpy as np
import yaml

from mimic_core import BodyModel, DataError, ReferenceClips
from mimic_stac_mjx.pose import poses, qpos_names


def write_clips(clips: ReferenceClips, path: Path, lengths: str) -> None:
    """Write what STAC-MJX and track-mjx read of a fit, at the model's size, in metres.

    STAC-MJX has no place for the frame rate, the clips' names and lengths, and the animal's size; they are added in
    the datasets ``rate_hz``, ``clip_names``, ``clip_frames`` and ``body``, which other programs ignore.

    Raises:
        DataError: the clips differ in length, and ``lengths`` is not ``pad``.
    """
    shortest, longest = int(clips.n_frames.min()), int(clips.n_frames.max())
    if lengths == "same" and shortest != longest:
        raise DataError(
            f"{path.name}: clips have {shortest} to {longest} frames, but a STAC-MJX file holds clips of one length; "
            "let the shorter ones stand still at their end with --set lengths=pad"
        )
    model = BodyModel.compile(clips.body)
    mj = model.mj_model
    frame = np.minimum(np.arange(longest), clips.n_frames[:, None] - 1)

    def flat(x: np.ndarray) -> np.ndarray:
        """(clip, frame, …) one clip after the other, the last frame repeated."""
        return x[np.arange(len(x))[:, None], frame].reshape(-1, *x.shape[2:])

    at_rest = (np.arange(longest) >= clips.n_frames[:, None]).reshape(-1, 1)
    qpos, tracked = flat(clips.qpos), flat(clips.tracked_pos)
    xpos, xquat = poses(mj, qpos)
    sites = {k: mj.site(clips.body.keypoints[k]) for k in clips.keypoint_names}
    arrays = {
        "kp_data": tracked.reshape(len(tracked), -1),
        "marker_sites": flat(clips.site_pos),
        "offsets": np.array([s.pos for s in sites.values()]),
        "qpos": qpos,
        "qvel": np.where(at_rest, 0.0, flat(clips.qvel)),
        "xpos": xpos,
        "xquat": xquat,
    }
    names = {
        "kp_names": clips.keypoint_names,
        "names_qpos": qpos_names(mj),
        "names_xpos": [mj.body(i).name for i in range(mj.nbody)],
        "clip_names": clips.clip_names,
    }
    with h5py.File(path, "w") as f:
        f["config"] = _text(yaml.safe_dump(_config(clips, mj, sites, longest), sort_keys=False))
        for key, texts in names.items():
            f[key] = np.array([_text(t) for t in texts])
        for key, a in arrays.items():
            f.create_dataset(key, data=a, compression="gzip")
        f["rate_hz"], f["clip_frames"] = clips.rate_hz, clips.n_frames
        size = {"scale": clips.body.scale, "segment_scale": dict(clips.body.segment_scale)}
        f["body"] = _text(json.dumps({"name": clips.body.name, "variant": clips.body.variant, **size}))


def _text(text: str) -> np.bytes_:
    return np.bytes_(text.encode())


def _config(clips: ReferenceClips, mj: mujoco.MjModel, sites: dict[str, Any], n_frames: int) -> dict[str, Any]:
    """The part of STAC-MJX's settings that says what the file holds; how STAC-MJX fits is none of its business."""
    return {
        "model": {
            "MJCF_PATH": f"{clips.body.name}.xml",
            "KP_NAMES": list(clips.keypoint_names),
            "KEYPOINT_MODEL_PAIRS": {k: mj.body(int(mj.site_bodyid[s.id])).name for k, s in sites.items()},
            "SCALE_FACTOR": 1.0,
            "MOCAP_SCALE_FACTOR": 1.0,
            # track-mjx takes names and numbers of clips from paths of this form
            "snips_order": [f"clips/{name}_{i}.p" for i, name in enumerate(clips.clip_names)],
        },
        "stac": {
            "num_clips": len(clips.clip_names),
            "n_frames_per_clip": n_frames,
            "continuous": False,
            "infer_qvels": True,
        },
    }
