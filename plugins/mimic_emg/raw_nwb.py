"""Raw EMG in an NWB file: ElectricalSeries that run through all trials, and the trial table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import DataError, did_you_mean
from mimic_core.records import open_hdf5
from mimic_emg.pipeline import Trial
from mimic_emg.raw import Reach, Recording, chosen_muscles, clip_names, numbers, reaches_of, trial_numbers
from mimic_emg.settings import RawEmg

_UNEVEN = 0.5  # of a sample period


@attrs.frozen(eq=False)
class _Channel:
    series: Any
    column: int | None
    rate_hz: float
    start_s: float


def recordings(files: Sequence[Path], config: RawEmg) -> tuple[dict[str, Recording], list[Reach], int]:
    """Read what surrounds each reach; otherwise like `mimic_emg.raw_csv.recordings`.

    Raises:
        DataError: pynwb is not installed, the file has no ElectricalSeries or no trials, or timestamps are uneven.
    """
    (path,) = files
    try:
        import pynwb
    except ImportError as e:
        raise DataError(f"{path}: to read it, mimic needs pynwb; run pip install 'mimic-neuro[nwb]'") from e
    with open_hdf5(path):  # says what is wrong with a damaged file
        pass
    with pynwb.NWBHDF5IO(str(path), "r", load_namespaces=True) as io:
        session = io.read()
        reaches, left_out = _reaches(session, config, path)
        channels = _channels(session, path)
        found = chosen_muscles(config.muscles, list(channels), "electrode", str(path))
        out = {m: _recording(channels[c], reaches, config, f"{path}, {c}") for m, c in found.items()}
    return out, reaches, left_out


def _reaches(session: Any, config: RawEmg, path: Path) -> tuple[list[Reach], int]:
    if session.trials is None:
        raise DataError(f"{path}: has no trials; add them to the file (NWBFile.add_trial)")
    table = session.trials.to_dataframe()
    times, where = [], f"{path}, trials"
    for column in (config.start or "start_time", config.end or "stop_time"):
        if column not in table:
            raise DataError(f"{path}: its trials have no column {column!r}{did_you_mean(column, table.columns)}")
        times.append(numbers(table[column], column, where))
    return reaches_of(*times, trial_numbers(table, where), clip_names(table), where)


def _channels(session: Any, path: Path) -> dict[str, _Channel]:
    """Channels by name: that of a series of one channel, else the electrode's label or location."""
    import pynwb

    series = [o for o in session.objects.values() if isinstance(o, pynwb.ecephys.ElectricalSeries)]
    if not series:
        raise DataError(f"{path}: has no ElectricalSeries; export the EMG as one")
    out: dict[str, _Channel] = {}
    for s in series:
        rate, start = _timing(s, path)
        single = len(s.data.shape) == 1
        n = 1 if single else s.data.shape[1]
        names = [s.name] if n == 1 else _electrodes(s, n)
        for i, name in enumerate(names):
            known = f"{s.name}/{name}" if name in out else name
            out[known] = _Channel(s, None if single else i, rate, start)
    return out


def _electrodes(series: Any, n: int) -> list[str]:
    table = series.electrodes.to_dataframe()
    for column in ("label", "location"):
        if column in table and table[column].nunique() == n:
            return [str(v) for v in table[column]]
    return [f"{series.name}_{i}" for i in range(n)]


def _timing(series: Any, path: Path) -> tuple[float, float]:
    """Rate, Hz, and time of the first sample, s of the session."""
    if series.rate is not None:
        return float(series.rate), float(series.starting_time or 0.0)
    times = np.asarray(series.timestamps[:], float)
    if len(times) < 2:
        raise DataError(f"{path}: {series.name} has fewer than two samples; export it again")
    rate = (len(times) - 1) / (times[-1] - times[0])
    uneven = np.abs(times - times[0] - np.arange(len(times)) / rate).max() * rate
    if not uneven < _UNEVEN:
        raise DataError(
            f"{path}: timestamps of {series.name} are uneven (off by {uneven:.3g} samples); export it at one rate"
        )
    return float(rate), float(times[0])


def _recording(channel: _Channel, reaches: Sequence[Reach], config: RawEmg, where: str) -> Recording:
    data, rate = channel.series.data, channel.rate_hz
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
