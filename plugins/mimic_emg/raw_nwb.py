"""Raw EMG in an NWB file: series that run through all trials, and the trial table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import h5py
import numpy as np
import pandas as pd

from mimic_core import DataError, did_you_mean
from mimic_emg.pipeline import Trial
from mimic_emg.raw import Reach, Recording, chosen_muscles, clip_names, numbers, reaches_of, trial_numbers
from mimic_emg.settings import RawEmg
from mimic_nwb import check, groups, kind, open_hdf5, table, text, timing

_UNEVEN = 0.5  # of a sample period
_ELECTRICAL, _PLAIN = "ElectricalSeries", "TimeSeries"


@attrs.frozen(eq=False)
class _Channel:
    data: h5py.Dataset
    column: int | None
    rate_hz: float
    start_s: float


def recordings(files: Sequence[Path], config: RawEmg) -> tuple[dict[str, Recording], list[Reach], int]:
    """Read what surrounds each reach; otherwise like `mimic_emg.raw_csv.recordings`.

    Raises:
        DataError: the file has no series of EMG or no trials, or timestamps are uneven.
    """
    (path,) = files
    with open_hdf5(path) as f:
        check(f, path)
        channels = _channels(f, path, bool(config.muscles))
        reaches, left_out = _reaches(f, config, path)
        found = chosen_muscles(config.muscles, list(channels), "electrode", str(path))
        out = {m: _recording(channels[c], reaches, config, f"{path}, {c}") for m, c in found.items()}
    return out, reaches, left_out


def _reaches(f: h5py.File, config: RawEmg, path: Path) -> tuple[list[Reach], int]:
    trials = f.get("intervals/trials")
    if not isinstance(trials, h5py.Group):
        raise DataError(f"{path}: has no trials; add them to the file (NWBFile.add_trial)")
    rows = pd.DataFrame(table(trials))
    times, where = [], f"{path}, trials"
    for column in (config.start or "start_time", config.end or "stop_time"):
        if column not in rows:
            raise DataError(f"{path}: its trials have no column {column!r}{did_you_mean(column, rows.columns)}")
        times.append(numbers(rows[column], column, where))
    return reaches_of(*times, trial_numbers(rows, where), clip_names(rows), where)


def _series(f: h5py.File, path: Path, named: bool) -> list[h5py.Group]:
    """ElectricalSeries and what is called EMG; with ``named`` muscles, every other TimeSeries too."""
    every = [s for s in groups(f, _ELECTRICAL, _PLAIN) if isinstance(s.get("data"), h5py.Dataset)]
    every = [s for s in every if s["data"].dtype.kind in "fiu" and s["data"].ndim in (1, 2)]
    said = [s for s in every if kind(s) == _ELECTRICAL or "emg" in " ".join(_about(s)).lower()]
    if named or said:
        return every if named else said
    more = f"; name its muscles with --set emg.muscles.MUSCLE={every[0].name.split('/')[-1]}" if every else ""
    raise DataError(f"{path}: has no ElectricalSeries, nor a TimeSeries that is called EMG{more or '; export one'}")


def _about(series: h5py.Group) -> Iterator[str]:
    yield from series.name.split("/")
    yield text(series.attrs.get("description", ""))


def _channels(f: h5py.File, path: Path, named: bool) -> dict[str, _Channel]:
    """Channels by name: that of a series of one channel, else the electrode's label or location."""
    out: dict[str, _Channel] = {}
    for s in _series(f, path, named):
        name, data = s.name.split("/")[-1], s["data"]
        if kind(s) == _PLAIN and named and len(data) < 2:
            continue
        rate, start = _timing(s, name, path)
        single = data.ndim == 1
        n = 1 if single else data.shape[1]
        for i, channel in enumerate([name] if n == 1 else _electrodes(f, s, name, n)):
            known = f"{name}/{channel}" if channel in out else channel
            out[known] = _Channel(data, None if single else i, rate, start)
    return out


def _electrodes(f: h5py.File, series: h5py.Group, name: str, n: int) -> list[str]:
    region = series.get("electrodes")
    if isinstance(region, h5py.Dataset) and "table" in region.attrs and len(region) == n:
        columns, rows = table(f[region.attrs["table"]]), np.asarray(region[()], int)
        for column in ("label", "location"):
            found = [str(columns[column][r]) for r in rows] if column in columns else []
            if len(set(found)) == n:
                return found
    return [f"{name}_channel{i}" for i in range(n)]


def _timing(series: h5py.Group, name: str, path: Path) -> tuple[float, float]:
    """Rate, Hz, and time of the first sample, s of the session."""
    found = timing(series, path)
    if found.times is None:
        if found.rate_hz is None:
            raise DataError(f"{path}: {name} has neither a rate nor timestamps; export it again")
        return found.rate_hz, found.start_s
    times = found.times
    if len(times) < 2:
        raise DataError(f"{path}: {name} has fewer than two samples; export it again")
    rate = (len(times) - 1) / (times[-1] - times[0])
    uneven = np.abs(times - times[0] - np.arange(len(times)) / rate).max() * rate
    if not uneven < _UNEVEN:
        raise DataError(f"{path}: timestamps of {name} are uneven (off by {uneven:.3g} samples); export it at one rate")
    return float(rate), found.start_s


def _recording(channel: _Channel, reaches: Sequence[Reach], config: RawEmg, where: str) -> Recording:
    data, rate = channel.data, channel.rate_hz
    trials = []
    for r in reaches:
        first = r.start_s - config.margin_s - channel.start_s
        last = max(r.end_s, r.start_s + config.samples / config.envelope_rate_hz) + config.margin_s - channel.start_s
        begin = max(0, int(first * rate))
        stop = min(data.shape[0], max(begin, int(np.ceil(last * rate))))
        raw = data[begin:stop] if channel.column is None else data[begin:stop, channel.column]
        first_s = channel.start_s + begin / rate
        trials.append(Trial(np.asarray(raw, float), r.start_s, r.end_s, f"{where}, trial {r.row + 1}", first_s))
    return Recording(rate, tuple(trials))
