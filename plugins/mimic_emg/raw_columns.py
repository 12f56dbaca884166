"""Raw EMG with a column of times and a channel in each other column: a .csv, or OpenSim's .sto, and a trial table."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import DataError
from mimic_emg.pipeline import Trial
from mimic_emg.raw import (
    Reach,
    Recording,
    chosen_muscles,
    clip_names,
    edge_columns,
    edge_s,
    numbers,
    reaches_of,
    trial_numbers,
)
from mimic_emg.settings import RawEmg
from mimic_tables import first_lines, read_table, seconds

SUFFIXES = (".sto", ".mot")
_UNEVEN = 0.25  # samples


def accepts(path: Path) -> bool:
    """True for a .sto or .mot file, and for a table whose first column is the time."""
    return path.suffix.lower() in SUFFIXES or seconds(first_lines(path, 1)[0][0]) is not None


def recordings(files: Sequence[Path], config: RawEmg) -> tuple[dict[str, Recording], list[Reach], int]:
    """Read what surrounds each reach; otherwise like `mimic_emg.raw_csv.recordings`.

    ``start`` and ``end`` of the trial table are s on the recording's own clock.

    Raises:
        DataError: there is not one recording and one trial table, times are uneven, or a reach lies outside of it.
    """
    recorded, tables = [f for f in files if accepts(f)], [f for f in files if not accepts(f)]
    if len(recorded) != 1 or len(tables) != 1:
        raise DataError(
            f"{recorded[0]}: has channels in columns, and is read with one trial table, a .csv with columns start and "
            f"end (s); got {', '.join(map(str, files))}"
        )
    path, where = recorded[0], str(tables[0])
    table = _table(tables[0])
    if (columns := edge_columns(list(table.columns), config)) is None:
        wanted = " and ".join([config.start or "start", config.end or "end"])
        raise DataError(f"{where}: has no columns {wanted}; a trial table has them, in s of the recording")
    edges = [edge_s(table, c, 1.0, where) for c in columns]
    reaches, left_out = reaches_of(*edges, trial_numbers(table, where), clip_names(table), where)
    cells = _table(path)
    clock, channels = str(cells.columns[0]), list(cells.columns[1:])
    time = numbers(cells.iloc[:, 0], clock, str(path)) * (seconds(clock) or 1.0)
    if len(time) < 2 or not channels:
        raise DataError(f"{path}: has {len(time)} samples of {len(channels)} channels; export it again")
    rate = (len(time) - 1) / (time[-1] - time[0])
    if not np.abs((time - time[0]) * rate - np.arange(len(time))).max() < _UNEVEN:
        raise DataError(f"{path}: its times are uneven; export it at one rate, without gaps")
    for r in reaches:
        if r.start_s < time[0] or r.end_s > time[-1] + 1 / rate:
            raise DataError(
                f"{path}: holds {time[0]:g} to {time[-1]:g} s, but the reach of row {r.row + 1} of {where} lasts from "
                f"{r.start_s:g} to {r.end_s:g} s; give the whole recording, or the reaches in s of its clock"
            )
    found = chosen_muscles(config.muscles, channels, "column", str(path))
    data = {m: numbers(cells[c], c, str(path)) for m, c in found.items()}
    out = {
        m: Recording(rate, tuple(_trial(x, r, rate, time[0], config, path) for r in reaches)) for m, x in data.items()
    }
    return out, reaches, left_out


def _trial(samples: np.ndarray, r: Reach, rate: float, start_s: float, config: RawEmg, path: Path) -> Trial:
    """A reach with what is before and after it."""
    last = max(r.end_s, r.start_s + config.samples / config.envelope_rate_hz) + config.margin_s
    begin = max(0, int((r.start_s - config.margin_s - start_s) * rate))
    stop = min(len(samples), int(np.ceil((last - start_s) * rate)))
    return Trial(samples[begin:stop], r.start_s, r.end_s, f"{path}, trial {r.row + 1}", start_s + begin / rate)


def _table(path: Path) -> pd.DataFrame:
    """A table with a line of names; of a .sto file, what is below its header."""
    if path.suffix.lower() not in SUFFIXES:
        return read_table(path).rename(columns=lambda c: str(c).strip())
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    _, found, text = text.partition("endheader")
    if not found:
        raise DataError(f"{path}: has no line 'endheader', which a {path.suffix} file has; export it again")
    try:
        return pd.read_csv(io.StringIO(text.lstrip()), sep=r"\s+")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as e:
        raise DataError(f"{path}: is no table of numbers ({' '.join(str(e).split())[:80]}); export it again") from e
