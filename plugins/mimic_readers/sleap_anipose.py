"""SLEAP-Anipose's 3D points: dataset ``tracks`` (frame, animal, keypoint, xyz) in the unit of the calibration board."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mimic_core import DataError, Keypoints
from mimic_core.records import open_hdf5
from mimic_readers.common import distinct, pick_track, stated_names, stated_rate
from mimic_readers.settings import SleapAnipose


def accepts(path: Path) -> bool:
    """True if the file has the dataset of this layout and not that of another.

    Raises:
        DataError: it is no readable HDF5 file.
    """
    with open_hdf5(path) as f:
        return "tracks" in f and "kp_data" not in f


def read(path: Path, config: SleapAnipose) -> Keypoints:
    """Read one animal as one clip, with ``point_scores`` (frame, animal, keypoint) as confidence where there are any.

    Raises:
        DataError: rate or names are not given, the points are 2D or of another shape, or it is not clear which
            of several animals is meant.
    """
    with open_hdf5(path) as f:
        tracks = f["tracks"][()]
        names = (
            [n.decode() if isinstance(n, bytes) else str(n) for n in f["node_names"][()]] if "node_names" in f else []
        )
        scores = f["point_scores"][()] if "point_scores" in f else None
    if tracks.ndim == 4 and tracks.shape[1] == 2 and tracks.shape[-1] != 3:
        raise DataError(
            f"{path}: holds the 2D tracks of one camera; triangulate the cameras' files with SLEAP-Anipose, or give "
            "the .slp file of one camera, with the calibration beside it"
        )
    if tracks.ndim != 4 or tracks.shape[-1] != 3 or tracks.dtype.kind not in "fiu" or not len(tracks):
        raise DataError(
            f"{path}: tracks is {tracks.dtype} of shape {tracks.shape}, expected numbers "
            "(frames, animals, keypoints, 3); export it again"
        )
    if scores is not None and scores.shape != tracks.shape[:-1]:
        raise DataError(f"{path}: point_scores has shape {scores.shape}, expected {tracks.shape[:-1]}; export it again")
    n_keypoints = tracks.shape[2]
    if config.names or len(names) != n_keypoints:
        names = stated_names(config.names, path, n_keypoints)
    rate_hz = stated_rate(config.rate_hz, path)
    animal = pick_track(tracks.shape[1], config.track, path)
    return Keypoints.from_clips(
        [tracks[:, animal].astype(float)],
        names=distinct(names, path, "node_names"),
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        confidence=None if scores is None else [np.clip(np.nan_to_num(scores[:, animal]), 0, 1)],
        unit="",
    )
