"""SLEAP .slp files, one for each camera, triangulated with an Anipose calibration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mimic_core import DataError, Keypoints, did_you_mean
from mimic_core.records import open_hdf5
from mimic_readers.common import MOST_LEFT_OUT, SAY, distinct, near, optional, pick_named, stated_rate, trust
from mimic_readers.settings import Sleap

if TYPE_CHECKING:
    from aniposelib.cameras import CameraGroup

_CALIBRATION = "calibration.toml"
_FOLDERS_UP = 3


def read(path: Path, config: Sleap) -> Keypoints:
    """Read one recording, of which ``path`` is the file of any camera; the other cameras' files are found by name.

    Positions are in the unit that the calibration board was measured in. Confidence is the lowest score of the
    cameras used, less where they do not agree (see `mimic_readers.common.trust`).

    Raises:
        DataError: sleap-io or aniposelib is not installed; rate, calibration or a camera's file is missing; cameras
            differ in keypoints; or it is not clear which of several animals is meant.
    """
    with optional("sleap", path):
        import sleap_io  # noqa: F401  (asked for before the work)
        from aniposelib.cameras import CameraGroup  # noqa: F401
    rate_hz = stated_rate(config.rate_hz, path)
    group = _cameras(path, config)
    files = find_views(path, group.get_names(), dict(config.views))
    names, points, scores = _tracks(files, config)
    positions, error_px = triangulate(group, points, config.error_scale_px)
    used = np.where(np.isfinite(points).all(-1), scores, np.inf).min(0)
    return Keypoints.from_clips(
        [positions],
        names=names,
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(f) for f in files],
        confidence=[trust(used, error_px, config.error_scale_px)],
        unit="",
    )


# -- which files ----------------------------------------------------------------------------------------------


def _cameras(path: Path, config: Sleap) -> CameraGroup:
    from aniposelib.cameras import CameraGroup

    calibration = near(config.calibration, path) if config.calibration else _nearest_calibration(path)
    if not calibration.is_file():
        raise DataError(f"{calibration}: no such file; check {SAY}calibration")
    try:
        group = CameraGroup.load(str(calibration))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{calibration}: not a calibration that Anipose wrote; calibrate again ({why})") from e
    known = group.get_names()
    for name in (*config.cameras, *config.views):
        if name not in known:
            raise DataError(f"{calibration}: has no camera {name!r}{did_you_mean(name, known)}")
    if config.cameras:
        group = group.subset_cameras_names(list(config.cameras))
    if len(group.cameras) < 2:
        raise DataError(f"{calibration}: {len(group.cameras)} camera to use; triangulation needs at least two")
    return group


def _nearest_calibration(path: Path) -> Path:
    for folder in list(path.absolute().parents)[:_FOLDERS_UP]:
        for place in (folder / _CALIBRATION, folder / "calibration" / _CALIBRATION):
            if place.is_file():
                return place
    raise DataError(f"{path}: no {_CALIBRATION} in its folder or the two above; name it with {SAY}calibration=FILE")


def find_views(path: Path, cameras: list[str], views: dict[str, str]) -> list[Path]:
    """Return the file of each camera, given that of one: in its name, and in that of its folder, the cameras' words
    take each other's place.

    Args:
        path: the file of one camera.
        cameras: their names.
        views: camera → its word, where that is not its name.

    Raises:
        DataError: no camera or several have their word in the path, or a camera's file is missing.
    """
    words = {c: _as_word(views.get(c, c)) for c in cameras}
    here = [c for c in cameras if words[c].search(path.name)] or [
        c for c in cameras if words[c].search(path.parent.name)
    ]
    if len(here) != 1:
        raise DataError(
            f"{path}: its name has {'no camera' if not here else 'the cameras ' + ' and '.join(here)} of "
            f"{', '.join(cameras)}; say how file names call a camera with {SAY}views.CAMERA=WORD"
        )
    found = []
    for camera in cameras:
        word = views.get(camera, camera)
        name, folder = (words[here[0]].sub(lambda _, w=word: w, part) for part in (path.name, path.parent.name))
        file = (path.parent.with_name(folder) if path.parent.name else path.parent) / name
        if not file.is_file():
            raise DataError(
                f"{file}: no such file, but camera {camera} is in the calibration; name its file so, or list "
                f"the cameras to use with {SAY}cameras"
            )
        found.append(file)
    return found


def _as_word(text: str) -> re.Pattern[str]:
    """The text where no letter or digit touches it: camera ``A`` is in trial1_A.slp, not in Animal.slp."""
    return re.compile(rf"(?<![0-9A-Za-z]){re.escape(text)}(?![0-9A-Za-z])")


# -- what is in them ------------------------------------------------------------------------------------------


def _tracks(files: list[Path], config: Sleap) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Keypoint names, points (camera, frame, keypoint, xy) px, NaN if missing, and scores (camera, frame, keypoint)."""
    names: list[str] = []
    views = []
    for file in files:
        found, view = _view(file, config.track)
        names = names or distinct(found, file, "nodes of the skeleton")
        if set(found) != set(names):
            odd = sorted(set(found) ^ set(names))
            raise DataError(
                f"{file}: its keypoints differ from those of {files[0]} in {', '.join(odd)}; use one skeleton"
            )
        views.append(view[:, [found.index(n) for n in names]])
    stacked = np.full((len(views), max(map(len, views)), len(names), 3), np.nan)
    for camera, view in zip(stacked, views, strict=True):
        camera[: len(view)] = view
    points, scores = stacked[..., :2], stacked[..., 2]
    scores = np.where(np.isnan(scores), 1.0, np.clip(scores, 0, 1))  # points set by hand have no score
    points[scores < config.min_score] = np.nan
    return names, points, scores


def _view(file: Path, track: str) -> tuple[list[str], np.ndarray]:
    """Keypoint names, and (frame, keypoint, x y score) of one animal in one camera's file."""
    import sleap_io

    with open_hdf5(file):  # refuses what reads other files, or claims more than it can hold
        pass
    try:
        labels = sleap_io.load_slp(str(file), open_videos=False)
    except (OSError, KeyError, ValueError) as e:
        raise DataError(f"{file}: not a readable SLEAP file; save it again ({' '.join(str(e).split())[:80]})") from e
    if len(labels.videos) != 1:
        raise DataError(
            f"{file}: holds {len(labels.videos)} videos; save the labels of each video in a file of its own"
        )
    if not len(labels):
        raise DataError(f"{file}: holds no labelled frame; save the predictions")
    if max(frame.frame_idx for frame in labels) > MOST_LEFT_OUT * len(labels):
        raise DataError(f"{file}: labels are missing in nearly all frames; correct the frames' numbers, or predict")
    found = labels.numpy(untracked=not labels.tracks, return_confidence=True)
    if labels.tracks:
        known = [t.name for t in labels.tracks]
        animal = known.index(pick_named(known, track, file, "track"))
    elif found.shape[1] == 1:
        animal = 0
    else:
        raise DataError(f"{file}: has up to {found.shape[1]} animals in a frame, without tracks; track them in SLEAP")
    return labels.skeleton.node_names, found[:, animal]


# -- triangulation --------------------------------------------------------------------------------------------


def triangulate(group: CameraGroup, points: np.ndarray, limit_px: float) -> tuple[np.ndarray, np.ndarray]:
    """Triangulate points seen by two cameras or more.

    Linear triangulation of undistorted points (Hartley & Zisserman 2004, section 12.2), by aniposelib. Where the
    cameras disagree by more than ``limit_px`` and at least three see the point, the one is left out without which the
    rest agree best.

    Args:
        group: the calibrated cameras.
        points: (camera, frame, keypoint, xy) px; NaN is missing.
        limit_px: mean reprojection error.

    Returns:
        Positions (frame, keypoint, xyz) and mean reprojection errors (frame, keypoint) px, NaN where fewer
        than two cameras see the point.
    """
    flat = points.reshape(len(points), -1, 2)
    best, error_px = _all_views(group, flat)
    doubtful = (error_px > limit_px) & (np.isfinite(flat).all(-1).sum(0) > 2)
    if doubtful.any():
        some, some_error = best[doubtful], error_px[doubtful]
        for camera in range(len(points)):
            rest = flat[:, doubtful].copy()
            rest[camera] = np.nan
            other, other_error = _all_views(group, rest)
            better = other_error < some_error
            some[better], some_error[better] = other[better], other_error[better]
        best[doubtful], error_px[doubtful] = some, some_error
    return best.reshape(*points.shape[1:3], 3), error_px.reshape(points.shape[1:3])


def _all_views(group: CameraGroup, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import jax

    # aniposelib would switch the whole process to double precision; here it ends with the call.
    enable_x64 = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    with enable_x64(True):
        found = np.array(group.triangulate(points.copy(), disable_64bit=True))
    apart = np.linalg.norm(group.project(found) - points, axis=-1)
    seen = np.isfinite(apart)
    return found, np.where(seen.any(0), np.nansum(apart, 0) / np.maximum(seen.sum(0), 1), np.nan)
