"""Readers of neural recordings: NWB, and csv files of spikes or of signals with a trial table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import numpy as np
import pandas as pd

from mimic_core import DataError, did_you_mean
from mimic_encoding.neural import COUNTS, SIGNAL
from mimic_nwb import check, data_of, groups, in_unit, open_hdf5, table, text, timing
from mimic_tables import read_table, seconds

_SIGNALS = ("TimeSeries", "RoiResponseSeries", "FiberPhotometryResponseSeries", "ElectricalSeries")
MOST_NUMBERS = 3e7
"""trials × bins × neurons: 240 MB"""
_STARTS = {"start_s": 1.0, "start_time": 1.0, "start": 1.0, "start_ms": 1e-3}
_ENDS = {"end_s": 1.0, "stop_time": 1.0, "end": 1.0, "end_ms": 1e-3, "stop": 1.0}


@attrs.frozen(eq=False)
class Trials:
    """Where the reaches are in the recording.

    Attributes:
        start_s, end_s: (trial,) s of the session.
        names: of the clips.
    """

    start_s: np.ndarray
    end_s: np.ndarray
    names: tuple[str, ...]


@attrs.frozen(eq=False)
class Recording:
    """A whole session.

    Attributes:
        spikes: neuron → (spike,) s of the session; empty where signals were recorded.
        signals: name → its times (sample,) s and values (sample,).
        observed: neuron → (interval, 2) s in which it was recorded; of a neuron that is not here, always.
        trials: the reaches.
    """

    trials: Trials
    spikes: Mapping[str, np.ndarray] = attrs.field(factory=dict)
    signals: Mapping[str, tuple[np.ndarray, np.ndarray]] = attrs.field(factory=dict)
    observed: Mapping[str, np.ndarray] = attrs.field(factory=dict)

    @property
    def kind(self) -> str:
        return COUNTS if self.spikes else SIGNAL


def recording(files: Sequence[Path], series: Sequence[str], pattern: str) -> Recording:
    """Read a session: one .nwb file, or csv files of which one is a trial table.

    Args:
        files: the paths.
        series: names of NWB time series to take instead of the units; empty for the units, or all where there are none.
        pattern: name of a trial's clip with ``{trial}`` for its number from 1, where the table has no column ``clip``.

    Raises:
        DataError: a file is missing or holds something else.
    """
    for path in files:
        if not path.is_file():
            raise DataError(f"{path}: no such file; check the path")
    nwb = [p for p in files if p.suffix.lower() == ".nwb"]
    if nwb and len(files) > 1:
        raise DataError(f"{nwb[0]}: an .nwb file holds neurons and trials and is read alone; give no other file")
    return _nwb(nwb[0], series, pattern) if nwb else _csv(files, pattern)


def _trials(rows: pd.DataFrame, pattern: str, where: str) -> Trials:
    edges = []
    for known in (_STARTS, _ENDS):
        column = next((c for c in known if c in rows), None)
        if column is None:
            raise DataError(f"{where}: has no column {next(iter(known))!r}; found {', '.join(map(str, rows))}")
        values = pd.to_numeric(rows[column], errors="coerce").to_numpy(float) * known[column]
        edges.append(values)
    start, end = edges
    numbered = rows["trial"].tolist() if "trial" in rows else list(range(1, len(rows) + 1))
    if "clip" in rows:
        names = [str(c) for c in rows["clip"]]
    elif "{trial}" in pattern:
        names = [pattern.replace("{trial}", str(n)) for n in numbered]
    else:
        raise DataError(
            f"{where}: has no column 'clip' with the names of the clips; add it, or give --clips with {{trial}}, e.g. "
            "--clips 'reach_{trial}'"
        )
    kept = np.isfinite(start) & np.isfinite(end)
    if not kept.any():
        raise DataError(f"{where}: no trial has a start and an end; expected s of the session")
    for name, s, e in zip(np.array(names, object)[kept], start[kept], end[kept], strict=True):
        if not e > s:
            raise DataError(f"{where}: trial {name} ends at {e:g} s, before it starts at {s:g} s; correct it")
    found = [n for n, k in zip(names, kept, strict=True) if k]
    if len(set(found)) < len(found):
        twice = next(n for n in found if found.count(n) > 1)
        raise DataError(f"{where}: two trials belong to clip {twice!r}; name each clip once")
    return Trials(start[kept], end[kept], tuple(found))


def _nwb(path: Path, series: Sequence[str], pattern: str) -> Recording:
    with open_hdf5(path) as f:
        check(f, path)
        if "intervals/trials" not in f:
            raise DataError(f"{path}: has no trials; add them to the file (NWBFile.add_trial)")
        trials = _trials(pd.DataFrame(table(f["intervals/trials"])), pattern, f"{path}, trials")
        units = f.get("units")
        if units is not None and "spike_times" in units and not series:
            return _units(units, path, trials)
        here = {s.name.split("/")[-1]: s for s in groups(f, *_SIGNALS) if "data" in s}
        for name in series:
            if name not in here:
                raise DataError(f"{path}: has no series {name!r}{did_you_mean(name, here)}")
        if not here:
            raise DataError(f"{path}: has neither units with spike times nor time series; export it again")
        found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for name in series or here:
            data, when = data_of(here[name], path), timing(here[name], path)
            if when.times is None and when.rate_hz is None:
                raise DataError(f"{path}: {name} has neither a rate nor timestamps; export it again")
            times = when.times if when.rate_hz is None else when.start_s + np.arange(len(data)) / when.rate_hz
            values = in_unit(data, data[()]).reshape(len(data), -1)
            for i in range(values.shape[1]):
                found[name if values.shape[1] == 1 else f"{name}_{i}"] = times, values[:, i]
        return Recording(trials, signals=found)


def _units(units, path: Path, trials: Trials) -> Recording:
    times, ends = np.asarray(units["spike_times"][()], float), units.get("spike_times_index")
    if ends is None:
        raise DataError(f"{path}: its units have spike_times without an index; export it again")
    pieces = np.split(times, np.asarray(ends[()], int)[:-1])
    ids = units["id"][()] if "id" in units else np.arange(len(pieces))
    names = [f"unit_{text(i) if isinstance(i, bytes) else i}" for i in ids]
    observed = {}
    if "obs_intervals" in units and "obs_intervals_index" in units:
        cut = np.asarray(units["obs_intervals_index"][()], int)[:-1]
        observed = dict(zip(names, np.split(np.asarray(units["obs_intervals"][()], float), cut), strict=True))
    return Recording(trials, spikes=dict(zip(names, pieces, strict=True)), observed=observed)


def _csv(files: Sequence[Path], pattern: str) -> Recording:
    tables = {p: read_table(p).rename(columns=lambda c: str(c).strip()) for p in files}
    of_trials = [p for p, t in tables.items() if any(c in t for c in _STARTS) and any(c in t for c in _ENDS)]
    if len(of_trials) != 1:
        raise DataError(
            f"neural: needs one trial table, a .csv with columns clip, start_s and end_s; found "
            f"{', '.join(map(str, of_trials)) or 'none of ' + ', '.join(map(str, files))}"
        )
    trials = _trials(tables.pop(of_trials[0]), pattern, str(of_trials[0]))
    spikes: dict[str, np.ndarray] = {}
    signals: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for path, rows in tables.items():
        column = next((c for c in rows if seconds(c) is not None), None)
        if column is None:
            raise DataError(f"{path}: has no column time_s; found {', '.join(map(str, rows))}")
        times = pd.to_numeric(rows[column], errors="coerce").to_numpy(float) * seconds(column)
        if not np.isfinite(times).all():
            bad = int(np.flatnonzero(~np.isfinite(times))[0])
            raise DataError(f"{path}: {rows[column].iloc[bad]!r} in row {bad + 1} of {column} is no time; correct it")
        if "unit" in rows:
            spikes |= {f"unit_{u}": np.sort(times[(rows["unit"] == u).to_numpy()]) for u in rows["unit"].unique()}
            continue
        for name in rows.columns.drop(column):
            values = pd.to_numeric(rows[name], errors="coerce").to_numpy(float)
            text_at = np.flatnonzero(~np.isfinite(values) & rows[name].notna().to_numpy())
            if text_at.size:
                bad = rows[name].iloc[int(text_at[0])]
                raise DataError(f"{path}: {bad!r} in row {text_at[0] + 1} of {name} is no number; correct it")
            signals[name] = times, values
    if bool(spikes) == bool(signals):
        what = "both spikes (a column unit) and signals; give one of them" if spikes else "no neurons beside the trials"
        raise DataError(f"neural: the files hold {what}")
    return Recording(trials, spikes=spikes, signals=signals)


def bins(found: Recording, width_s: float, before_s: float) -> np.ndarray:
    """Return (trial, bin, neuron): spikes in each bin, or the signal's mean over it; NaN where nothing was recorded.

    Bins begin ``before_s`` before the start of each reach; one that does not fit before its end is left out.
    """
    trials = found.trials
    n = np.floor((trials.end_s - trials.start_s + before_s) / width_s + 1e-6)
    names = list(found.spikes or found.signals)
    if not len(trials.names) * n.max() * len(names) <= MOST_NUMBERS:
        longest = int(np.argmax(n))
        raise DataError(
            f"neural: trial {trials.names[longest]} lasts {trials.end_s[longest] - trials.start_s[longest]:g} s, which "
            f"makes {n.max():g} bins of {len(names)} neurons; trials are single reaches, in s of the session"
        )
    n = n.astype(int)
    out = np.full((len(trials.names), max(int(n.max()), 1), len(names)), np.nan)
    for i, (start, count) in enumerate(zip(trials.start_s - before_s, n, strict=True)):
        edges = start + width_s * np.arange(count + 1)
        for k, name in enumerate(names):
            if found.spikes:
                out[i, :count, k] = _counted(found.spikes[name], edges, found.observed.get(name))
            else:
                out[i, :count, k] = _averaged(*found.signals[name], edges)
    return out


def _counted(spikes: np.ndarray, edges: np.ndarray, observed: np.ndarray | None) -> np.ndarray:
    counts = np.histogram(spikes, edges)[0].astype(float)
    if observed is not None:
        inside = np.zeros(len(counts), bool)
        for begin, end in observed:
            inside |= (edges[:-1] >= begin - 1e-9) & (edges[1:] <= end + 1e-9)
        counts[~inside] = np.nan
    return counts


def _averaged(times: np.ndarray, values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    total = np.histogram(times[known], edges, weights=values[known])[0]
    n = np.histogram(times[known], edges)[0]
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)
