"""NWB files with 3D pose estimation in the extension ndx-pose: a PoseEstimationSeries for each keypoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mimic_core import DataError, Keypoints, MimicError
from mimic_core.records import open_hdf5
from mimic_readers.common import distinct, frame_rate, optional, pick_named, stated_rate, unit_of
from mimic_readers.settings import Nwb


def read(path: Path, config: Nwb) -> Keypoints:
    """Read one PoseEstimation as one clip. Keypoints have the names of their series.

    Positions are data · conversion + offset, as NWB defines. A unit that is no length (ndx-pose's default is
    ``pixels``) counts as unknown.

    Raises:
        DataError: pynwb or ndx-pose is not installed, the file has no pose estimation, or several of which none is
            chosen, points are 2D, or series differ in length, unit or rate.
    """
    with optional("nwb", path):
        import ndx_pose
        import pynwb
    with open_hdf5(path):  # says what is wrong with a file that is missing or damaged
        pass
    try:
        with pynwb.NWBHDF5IO(str(path), "r", load_namespaces=True) as io:
            objects = io.read().objects.values()
            poses = {f"{o.parent.name}/{o.name}": o for o in objects if isinstance(o, ndx_pose.PoseEstimation)}
            if not poses:
                raise DataError(f"{path}: has no PoseEstimation (extension ndx-pose); export it with the poses")
            plain = [name.rpartition("/")[2] for name in poses]
            known = {p if plain.count(p) == 1 else name: poses[name] for p, name in zip(plain, poses, strict=True)}
            series = list(known[pick_named(sorted(known), config.pose, path, "pose")].pose_estimation_series.values())
            return _keypoints(series, path, config)
    except MimicError:
        raise
    except Exception as e:  # pynwb passes on whatever a file makes its parts raise
        why = " ".join(f"{type(e).__name__}: {e}".split())[:100]
        raise DataError(f"{path}: pynwb cannot read it; export it again, in a newer version of NWB ({why})") from e


def _keypoints(series: list[Any], path: Path, config: Nwb) -> Keypoints:
    names = distinct([s.name.removeprefix("PoseEstimationSeries_") for s in series], path, "series")
    shapes = {np.shape(s.data) for s in series}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or shape[1] != 3:
        found = ", ".join(f"{s.name} {np.shape(s.data)}" for s in series)
        raise DataError(f"{path}: series are {found}, expected (frames, 3) in each; export 3D positions")
    units = {unit_of(s.unit) for s in series}
    rates = {_rate(s, path) for s in series} if config.rate_hz is None else {config.rate_hz}
    if len(units) != 1 or len(rates) != 1:
        raise DataError(f"{path}: its series differ in unit or rate; export them again in one unit, at one rate")
    confidence = None
    if all(s.confidence is not None for s in series):
        confidence = [np.clip(np.stack([np.asarray(s.confidence[:], float) for s in series], 1), 0, 1)]
    return Keypoints.from_clips(
        [np.stack([np.asarray(s.data[:], float) * s.conversion + s.offset for s in series], 1)],
        names=names,
        rate_hz=stated_rate(rates.pop(), path),
        clip_names=[path.stem],
        files=[str(path)],
        confidence=confidence,
        unit=units.pop(),
    )


def _rate(series: Any, path: Path) -> float | None:
    if series.rate is not None:
        return float(series.rate)
    if series.timestamps is None:
        return None
    return frame_rate(np.asarray(series.timestamps[:], float), path, f"timestamps of {series.name}", first_row=1)
