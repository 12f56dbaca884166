"""NWB files with 3D positions: a PoseEstimationSeries (ndx-pose) or a SpatialSeries of a Position for each keypoint."""

from __future__ import annotations

from pathlib import Path

import attrs
import h5py
import numpy as np

from mimic_core import DataError, Keypoints
from mimic_nwb import check, data_of, groups, in_unit, inside, kind, open_hdf5, texts, timing
from mimic_nwb import unit_of as said_unit
from mimic_readers.common import distinct, known_rate, pick_named, timed, unit_of
from mimic_readers.settings import Nwb

_POSE = ("PoseEstimation", "PoseEstimationSeries")
_CONTAINERS = {_POSE[0]: _POSE[1:], "Position": ("SpatialSeries",), "BehavioralTimeSeries": ("TimeSeries",)}
"""Type of a container → types of its series, in the order in which they are looked for."""


def read(path: Path, config: Nwb) -> Keypoints:
    """Read one container of series as one clip. Keypoints have the names of their series.

    Positions are data · conversion + offset, as NWB defines. A unit that is no length (ndx-pose's default is
    ``pixels``) counts as unknown. Any version of NWB 2 and of ndx-pose is read.

    Raises:
        DataError: the file has no 3D positions, or several containers of which none is chosen, points are 2D, or series
            differ in length, unit or time.
    """
    with open_hdf5(path) as f:
        check(f, path)
        found = _containers(f)
        if not found:
            raise DataError(
                f"{path}: has no PoseEstimation (extension ndx-pose), nor a Position of 3D series; export it with them"
            )
        parents = {"/".join(g.name.split("/")[-2:]): g for g in found}
        plain = [name.rpartition("/")[2] for name in parents]
        known = {p if plain.count(p) == 1 else name: parents[name] for p, name in zip(plain, parents, strict=True)}
        return _keypoints(known[pick_named(sorted(known), config.pose, path, "pose")], path, config)


def _containers(f: h5py.File) -> list[h5py.Group]:
    """Containers of the first type of which there are any; of those of the core only what holds 3D series."""
    for container, series in _CONTAINERS.items():
        all_of_it = groups(f, container)
        if container != _POSE[0]:
            all_of_it = [g for g in all_of_it if any(_is_3d(s) for _, s in inside(g, *series))]
        if all_of_it:
            return all_of_it
    return []


def _is_3d(series: h5py.Group) -> bool:
    data = series.get("data")
    return isinstance(data, h5py.Dataset) and data.ndim == 2 and data.shape[1] == 3


def _keypoints(pose: h5py.Group, path: Path, config: Nwb) -> Keypoints:
    series = dict(inside(pose, *_CONTAINERS[kind(pose)]))
    if isinstance(pose.get("nodes"), h5py.Dataset) and set(nodes := texts(pose["nodes"])) == set(series):
        series = {n: series[n] for n in nodes}  # HDF5 sorts them by name
    names = distinct([n.removeprefix("PoseEstimationSeries_") for n in series], path, "series")
    data = {n: data_of(s, path) for n, s in series.items()}
    shapes = {d.shape for d in data.values()}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or shape[1] != 3:
        found = ", ".join(f"{n} {d.shape}" for n, d in data.items())
        raise DataError(f"{path}: series are {found}, expected (frames, 3) in each; export 3D positions")
    units = {unit_of(said_unit(s)) for s in series.values()}
    if len(units) != 1:
        raise DataError(f"{path}: its series differ in unit; export them again in one")
    cells = np.stack([in_unit(d, d[()]) for d in data.values()], 1)
    trusted = [s.get("confidence") for s in series.values()]
    rated = all(isinstance(c, h5py.Dataset) and c.shape == cells.shape[:1] for c in trusted)
    if rated:
        cells = np.concatenate([cells, np.stack([np.asarray(c[()], float) for c in trusted], 1)[..., None]], 2)
    cells, rate_hz, remarks = _placed(cells, series, path, config.rate_hz)
    read = Keypoints.from_clips(
        [cells[..., :3]],
        names=names,
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        confidence=[np.clip(cells[..., 3], 0, 1)] if rated else None,
        unit=units.pop(),
    )
    return attrs.evolve(read, remarks=remarks)


def _placed(
    cells: np.ndarray, series: dict[str, h5py.Group], path: Path, given: float | None
) -> tuple[np.ndarray, float, list[str]]:
    """Frames at their times, the rate, and remarks.

    Raises:
        DataError: series were taken at different times, or nobody tells the rate.
    """
    first, *others = (timing(s, path) for s in series.values())
    for name, other in zip(list(series)[1:], others, strict=True):
        same = other.times is None if first.times is None else np.array_equal(other.times, first.times)
        if not same or (other.rate_hz, other.start_s) != (first.rate_hz, first.start_s):
            raise DataError(f"{path}: {name} and {next(iter(series))} were taken at different times; export them again")
    if first.times is None:
        rate_hz, remarks = known_rate(given, first.rate_hz, path)
        return cells, rate_hz, remarks
    return timed(cells, first.times, given, path, f"timestamps of {next(iter(series))}", first_row=1)
