"""The reader `mean_emg`: envelopes that somebody has processed and averaged already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import ConfigError, DataError, Emg, did_you_mean
from mimic_emg.settings import MeanEmg
from mimic_tables import read_table

_TIMES = ("time", "time_s", "time_ms")
_UNEVEN = 0.25  # of a sample period
_LOWEST_HZ = 10.0  # a slower curve of a reach is one whose times were read in the wrong unit


def reader(config: MeanEmg) -> Callable[[Sequence[Path]], Emg]:
    """Return ``read(files) -> Emg`` for one .csv of mean envelopes."""

    def read(files: Sequence[Path]) -> Emg:
        if len(files) != 1:
            raise DataError(f"emg: mean_emg reads one .csv, got {len(files)}; name one")
        if not config.averaged_trials:
            raise ConfigError("emg.averaged_trials: must be given: how many trials the curves are the mean of")
        return _emg(files[0], config)

    return read


def _emg(path: Path, config: MeanEmg) -> Emg:
    table = _table(path)
    time_column = _time_column(table, config, path)
    ms = config.time_unit == "ms" or (not config.time_unit and time_column.lower().endswith("_ms"))
    rate, first = _rate(_numbers(table, time_column, path), time_column, "ms" if ms else "s", path)
    columns = _columns(table, time_column, config, path)
    sem = {m: config.sem.get(m) or (f"{c}_sem" if f"{c}_sem" in table else "") for m, c in columns.items()}
    return Emg(
        rate_hz=rate,
        first_s=first,
        trial_names=("mean",),
        muscle_names=tuple(columns),
        envelope=_stack(table, columns.values(), path),
        sem=_stack(table, sem.values(), path) if any(sem.values()) else None,
        averaged_trials=config.averaged_trials,
        methods=f"Mean EMG envelopes over {config.averaged_trials} trials were taken as processed from {path.name} "
        f"({', '.join(f'{m}: column {c}' for m, c in columns.items())}; {len(table)} samples at {rate:.4g} Hz).",
    )


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path")
    table = read_table(path, index_col=False)
    if len(table) < 2:
        raise DataError(f"{path}: has {len(table)} rows of samples, expected at least 2; export it again")
    return table.rename(columns=str.strip)


def _time_column(table: pd.DataFrame, config: MeanEmg, path: Path) -> str:
    if config.time:
        return _known(config.time, table, path, "emg.time")
    found = [c for c in table if c.lower() in _TIMES]
    if len(found) != 1:
        raise DataError(
            f"{path}: has columns {', '.join(map(str, table.columns))}, none of which is surely the time; "
            "name it with --set emg.time=COLUMN"
        )
    return found[0]


def _known(column: str, table: pd.DataFrame, path: Path, key: str) -> str:
    if column not in table:
        raise DataError(f"{path}: {key}: has no column {column!r}{did_you_mean(column, list(table.columns))}")
    return column


def _columns(table: pd.DataFrame, time_column: str, config: MeanEmg, path: Path) -> dict[str, str]:
    """Muscle → column."""
    for key, named in (("columns", config.columns), ("sem", config.sem)):
        for muscle, column in named.items():
            _known(column, table, path, f"emg.{key}.{muscle}")
    columns = dict(config.columns) or _all_columns(table, time_column, config.sem)
    if not columns:
        raise DataError(f"{path}: has no column beside that of the time; expected one for each muscle")
    for muscle in config.sem:
        if muscle not in columns:
            raise ConfigError(f"emg.sem.{muscle}: no such muscle{did_you_mean(muscle, columns)}")
    return columns


def _all_columns(table: pd.DataFrame, time_column: str, sem: Mapping[str, str]) -> dict[str, str]:
    errors = {*sem.values(), *(f"{c}_sem" for c in table)}
    return {c: c for c in table if c != time_column and c not in errors}


def _numbers(table: pd.DataFrame, column: str, path: Path) -> np.ndarray:
    found = pd.to_numeric(table[column], errors="coerce").to_numpy(float)
    missing = np.flatnonzero(~np.isfinite(found))
    if missing.size:
        raise DataError(
            f"{path}: {table[column].iloc[missing[0]]!r} in row {missing[0] + 2}, column {column}, is no number; "
            "fill it in"
        )
    return found


def _stack(table: pd.DataFrame, columns: Sequence[str], path: Path) -> np.ndarray:
    """(1, sample, muscle); an empty name gives NaN."""
    found = [_numbers(table, c, path) if c else np.full(len(table), np.nan) for c in columns]
    return np.stack(found, axis=-1)[None]


def _rate(times: np.ndarray, column: str, unit: str, path: Path) -> tuple[float, float]:
    """Rate, Hz, and first instant, s, of evenly spaced times (sample,) that may be written with few decimals."""
    time = times / (1e3 if unit == "ms" else 1.0)
    period = (time[-1] - time[0]) / (len(time) - 1)
    even = time[0] + period * np.arange(len(time))
    if not period > 0 or np.abs(time - even).max() > _UNEVEN * period:
        raise DataError(f"{path}: column {column} does not rise in even steps; export the curves at one rate")
    if 1 / period < _LOWEST_HZ:
        raise DataError(
            f"{path}: column {column}, read in {unit}, gives {1 / period:.3g} Hz, expected at least {_LOWEST_HZ:g} Hz; "
            "if it is in ms, say so with --set emg.time_unit=ms, else export the curves at a higher rate"
        )
    return 1 / period, float(time[0])
