"""SLEAP .slp files, one for each camera or one for all, triangulated with an Anipose calibration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mimic_core import DataError, Keypoints, did_you_mean
from mimic_core.records import open_hdf5
from mimic_readers.common import MOST_LEFT_OUT, SAY, distinct, near, optional, pick_named, stated_rate, trust
from mimic_readers.settings import Sleap

if TYPE_CHECKING:
    from aniposelib.cameras import CameraGroup
    from sleap_io import Labels, Video

_CALIBRATION = "calibration.toml"
_FOLDERS_UP = 3


def read(path: Path, config: Sleap) -> Keypoints:
    """Read the recordings of which ``path`` is the file of any camera; the other cameras' files are found by name.

    A file may hold the videos of all cameras, and those of several recordings, each of which becomes a clip. Positions
    are in the unit that the calibration board was measured in. Confidence is the lowest score of the cameras used, less
    where they do not agree (see `mimic_readers.common.trust`).

    Raises:
        DataError: sleap-io or aniposelib is not installed; rate, calibration or a camera's file is missing; cameras
            differ in keypoints; or it is not clear which of several animals is meant.
    """
    with optional("sleap", path):
        import sleap_io  # noqa: F401  (asked for before the work)
        from aniposelib.cameras import CameraGroup  # noqa: F401
    rate_hz = stated_rate(config.rate_hz, path)
    first = _load(path)
    group = _cameras(path, first, config)
    names: list[str] = []
    clips, trusts, files = [], [], []
    recorded = _recordings(path, first, group.get_names(), config)
    for views in recorded.values():
        names, points, scores = _tracks(views, names, config)
        positions, error_px = triangulate(group, points, config.error_scale_px)
        used = np.where(np.isfinite(points).all(-1), scores, np.inf).min(0)
        clips.append(positions)
        trusts.append(trust(used, error_px, config.error_scale_px))
        files += [str(v.file) for v in views]
    files = list(dict.fromkeys(files))
    if len(files) == len(clips) > 1:
        files.append(files[0])  # as many as clips would say that each is of one clip
    return Keypoints.from_clips(
        clips,
        names=names,
        rate_hz=rate_hz,
        clip_names=[path.stem] if len(clips) == 1 else list(recorded),
        files=files,
        confidence=trusts,
        unit="",
    )


class View(NamedTuple):
    """What one camera saw of one recording.

    Attributes:
        file: where it is from.
        labels: what sleap-io read of it.
        video: the video.
    """

    file: Path
    labels: Labels
    video: Video


# -- which files ----------------------------------------------------------------------------------------------


def _cameras(path: Path, labels: Labels, config: Sleap) -> CameraGroup:
    from aniposelib.cameras import CameraGroup

    calibration = near(config.calibration, path) if config.calibration else _nearest_calibration(path)
    if calibration is None:
        calibration, group = path, _in_session(labels)
        if group is None:
            raise DataError(
                f"{path}: no {_CALIBRATION} in its folder or the two above, and none in the file; name it with "
                f"{SAY}calibration=FILE"
            )
        return _chosen(group, path, config)
    if not calibration.is_file():
        raise DataError(f"{calibration}: no such file; check {SAY}calibration")
    try:
        group = CameraGroup.load(str(calibration))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{calibration}: not a calibration that Anipose wrote; calibrate again ({why})") from e
    return _chosen(group, calibration, config)


def _chosen(group: CameraGroup, calibration: Path, config: Sleap) -> CameraGroup:
    known = group.get_names()
    for name in (*config.cameras, *config.views):
        if name not in known:
            raise DataError(f"{calibration}: has no camera {name!r}{did_you_mean(name, known)}")
    if config.cameras:
        group = group.subset_cameras_names(list(config.cameras))
    if len(group.cameras) < 2:
        raise DataError(f"{calibration}: {len(group.cameras)} camera to use; triangulation needs at least two")
    return group


def _nearest_calibration(path: Path) -> Path | None:
    for folder in list(path.absolute().parents)[:_FOLDERS_UP]:
        for place in (folder / _CALIBRATION, folder / "calibration" / _CALIBRATION):
            if place.is_file():
                return place
    return None


def _in_session(labels: Labels) -> CameraGroup | None:
    """The calibrated cameras of the file's first recording session."""
    from aniposelib.cameras import Camera, CameraGroup

    for session in labels.sessions:
        cameras = session.camera_group.cameras
        return CameraGroup(
            [
                Camera(matrix=c.matrix, dist=c.dist, size=c.size, rvec=c.rvec, tvec=c.tvec, name=c.name or f"camera{i}")
                for i, c in enumerate(cameras)
            ]
        )
    return None


def _recordings(path: Path, first: Labels, cameras: list[str], config: Sleap) -> dict[str, list[View]]:
    """Name of a recording → what each camera saw of it.

    Raises:
        DataError: a camera's file or video is missing.
    """
    views = dict(config.views)
    if len(first.videos) > 1 and (together := _of_one_file(first, cameras, views)):
        found = {name: [View(path, first, v) for v in videos] for name, videos in together.items()}
    else:
        files = find_views(path, cameras, views)
        loaded = [first if f == path else _load(f) for f in files]
        if all(len(labels.videos) == 1 for labels in loaded):
            return {path.stem: [View(f, of, of.videos[0]) for f, of in zip(files, loaded, strict=True)]}
        of_camera = [
            {_without_word(v, views.get(c, c)): View(f, of, v) for v in of.videos}
            for c, f, of in zip(cameras, files, loaded, strict=True)
        ]
        for f, videos in zip(files[1:], of_camera[1:], strict=True):
            if odd := sorted(set(videos) ^ set(of_camera[0])):
                raise DataError(
                    f"{f}: its videos differ from those of {files[0]} in {', '.join(odd)}; save the same recordings in "
                    "each camera's file"
                )
        found = {name: [videos[name] for videos in of_camera] for name in of_camera[0]}
    if config.video:
        known = list(found)
        found = {config.video: found[pick_named(known, config.video, path, "video")]}
    return found


def _of_one_file(labels: Labels, cameras: list[str], views: dict[str, str]) -> dict[str, list[Video]]:
    """Name of a recording → the video of each camera, where one file holds them all; empty where it does not."""
    groups: dict[str, dict[str, Video]] = {}
    for i, session in enumerate(labels.sessions):
        for video in session.videos:
            camera = session.get_camera(video)
            groups.setdefault(f"session{i + 1}", {})[str(camera.name)] = video
    for camera in [] if groups else cameras:
        word = views.get(camera, camera)
        for video in labels.videos:
            if _as_word(word).search(Path(str(video.filename)).stem):
                groups.setdefault(_without_word(video, word), {})[camera] = video
    whole = {name: [of[c] for c in cameras] for name, of in groups.items() if set(cameras) <= set(of)}
    return whole if len(whole) == len(groups) else {}


def _without_word(video: Video, word: str) -> str:
    """A video's name without that of its camera: what the videos of one recording share."""
    filename = video.filename[0] if isinstance(video.filename, list) else video.filename
    return _as_word(word).sub("", Path(str(filename)).stem).strip("-_. ") or "recording"


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


def _tracks(views: list[View], names: list[str], config: Sleap) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Keypoint names, points (camera, frame, keypoint, xy) px, NaN if missing, and scores (camera, frame, keypoint)."""
    seen = []
    for view in views:
        found, points = _view(view, config.track)
        names = names or distinct(found, view.file, "nodes of the skeleton")
        if set(found) != set(names):
            odd = sorted(set(found) ^ set(names))
            raise DataError(
                f"{view.file}: its keypoints differ from those of {views[0].file} in {', '.join(odd)}; use one skeleton"
            )
        seen.append(points[:, [found.index(n) for n in names]])
    stacked = np.full((len(seen), max(map(len, seen)), len(names), 3), np.nan)
    for camera, points in zip(stacked, seen, strict=True):
        camera[: len(points)] = points
    points, scores = stacked[..., :2], stacked[..., 2]
    scores = np.where(np.isnan(scores), 1.0, np.clip(scores, 0, 1))  # points set by hand have no score
    points[scores < config.min_score] = np.nan
    return names, points, scores


def _load(file: Path) -> Labels:
    import sleap_io

    with open_hdf5(file):  # refuses what reads other files, or claims more than it can hold
        pass
    try:
        labels = sleap_io.load_slp(str(file), open_videos=False)
    except (OSError, KeyError, ValueError) as e:
        raise DataError(f"{file}: not a readable SLEAP file; save it again ({' '.join(str(e).split())[:80]})") from e
    if not len(labels) or not labels.videos:
        raise DataError(f"{file}: holds no labelled frame; save the predictions")
    if max(frame.frame_idx for frame in labels) > MOST_LEFT_OUT * len(labels):
        raise DataError(f"{file}: labels are missing in nearly all frames; correct the frames' numbers, or predict")
    return labels


def _view(view: View, track: str) -> tuple[list[str], np.ndarray]:
    """Keypoint names, and (frame, keypoint, x y score) of one animal as one camera saw it."""
    labels, file = view.labels, view.file
    found = labels.numpy(video=view.video, untracked=not labels.tracks, return_confidence=True)
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
