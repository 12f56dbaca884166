"""NWB files of any version, as HDF5.

Read with h5py: pynwb refuses a file whose extension has another version than the installed one, such as the poses that
STAC-MJX comes with (ndx-pose 0.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np

from mimic_core import DataError
from mimic_core.records import open_hdf5 as open_hdf5

_TYPE, _SPECIFICATIONS = "neurodata_type", "specifications"


@attrs.frozen
class Timing:
    """When the samples of a series were taken: at a rate, or at times of their own.

    Attributes:
        start_s: of the first sample, s of the session.
        rate_hz: None where there are ``times``, or nothing is said.
        times: (sample,) s.
    """

    start_s: float
    rate_hz: float | None
    times: np.ndarray | None = None


def check(f: h5py.File, path: Path) -> None:
    """Refuse what is no NWB file of version 2.

    Raises:
        DataError: it is none, or of version 1.
    """
    if "nwb_version" in f.attrs:
        return
    if "nwb_version" in f:
        raise DataError(f"{path}: is NWB of version 1; convert it to version 2, e.g. with NeuroConv")
    raise DataError(f"{path}: has no nwb_version, which an NWB file has; export it again")


def kind(item: Any) -> str:
    """Return the type that a group says it has, empty for none."""
    return text(item.attrs.get(_TYPE, "")) if isinstance(item, h5py.Group) else ""


def groups(f: h5py.File, *types: str) -> list[h5py.Group]:
    """Return the groups of these types, wherever they are."""
    found: list[h5py.Group] = []

    def look(name: str, item: Any) -> None:
        if not name.startswith(_SPECIFICATIONS) and kind(item) in types:
            found.append(item)

    f.visititems(look)
    return found


def inside(group: h5py.Group, *types: str) -> Iterator[tuple[str, h5py.Group]]:
    """Yield name and group of each member of these types."""
    for name, item in group.items():
        if kind(item) in types:
            yield name, item


def text(value: Any) -> str:
    """Return a text that HDF5 keeps as bytes, as text, or in an array of one."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def texts(data: h5py.Dataset) -> list[str]:
    """Return a list of texts."""
    return [text(v) for v in np.ravel(data[()])]


def data_of(series: h5py.Group, path: Path) -> h5py.Dataset:
    """Return the dataset of a series.

    Raises:
        DataError: it has none, or one without numbers.
    """
    data = series.get("data")
    if not isinstance(data, h5py.Dataset) or data.dtype.kind not in "fiu":
        raise DataError(f"{path}: {series.name} has no dataset 'data' of numbers; export it again")
    return data


def unit_of(series: h5py.Group) -> str:
    """Return the unit of a series' data, as the file says it."""
    return text(series["data"].attrs.get("unit", ""))


def in_unit(data: h5py.Dataset, values: np.ndarray) -> np.ndarray:
    """Return values of a dataset in its unit: values · conversion + offset, as NWB defines."""
    return np.asarray(values, float) * float(data.attrs.get("conversion", 1.0)) + float(data.attrs.get("offset", 0.0))


def timing(series: h5py.Group, path: Path) -> Timing:
    """Return when the samples of a series were taken.

    Raises:
        DataError: there are not as many times as samples, or it is no rate.
    """
    samples = len(data_of(series, path))
    if isinstance(start := series.get("starting_time"), h5py.Dataset) and "rate" in start.attrs:
        rate = float(start.attrs["rate"])
        if not 0 < rate < np.inf:
            raise DataError(f"{path}: {series.name} has a rate of {rate:g} Hz; correct it")
        return Timing(float(start[()]), rate)
    if not isinstance(series.get("timestamps"), h5py.Dataset):
        return Timing(0.0, None)
    times = np.asarray(series["timestamps"][()], float)
    if times.shape != (samples,):
        raise DataError(f"{path}: {series.name} has {times.size} timestamps for {samples} samples; export it again")
    return Timing(float(times[0]) if samples else 0.0, None, times)


def table(group: h5py.Group) -> dict[str, np.ndarray]:
    """Return the columns (row,) of a DynamicTable; columns of lists and of links are left out."""
    names = [text(n) for n in np.ravel(group.attrs.get("colnames", []))]
    out: dict[str, np.ndarray] = {}
    for name in names:
        column = group.get(name)
        if not isinstance(column, h5py.Dataset) or column.ndim != 1 or f"{name}_index" in group:
            continue
        if h5py.check_ref_dtype(column.dtype) is not None:
            continue
        values = column[()]
        out[name] = np.array([text(v) for v in values], object) if column.dtype.kind in "OS" else values
    return out
