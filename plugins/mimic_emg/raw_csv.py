"""Raw EMG in .csv files: one for each muscle with a row for each trial, and a trial table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import DataError
from mimic_emg.pipeline import Trial
from mimic_emg.raw import Reach, Recording, chosen_muscles, reaches_of
from mimic_emg.settings import RawEmg


def recordings(files: Sequence[Path], config: RawEmg) -> tuple[dict[str, Recording], list[Reach], int]:
    """Read the files of all muscles and the trial table.

    Returns:
        muscle → recording, the reaches, and how many rows of the table have none.

    Raises:
        DataError: there is no trial table or no recording, a file is empty or no table of numbers, or the number of its
            rows is not that of the table.
    """
    start, end = config.start or "start", config.end or "end"
    tables = [f for f in files if {start, end} <= set(_header(f))]
    raw = {f.stem: f for f in files if f not in tables}
    if len(tables) != 1:
        found = ", ".join(map(str, tables)) if tables else f"none of {', '.join(map(str, files))}"
        raise DataError(
            f"emg: needs one trial table, a .csv with columns {start} and {end} (frames at {config.frame_rate_hz:g} "
            f"Hz), found {found}; name it among the files, or its columns with --set emg.start=… --set emg.end=…"
        )
    if not raw:
        raise DataError(f"{tables[0]}: is a trial table; name the recordings too, a .csv for each muscle")
    table, frames = _table(tables[0]), {}
    for column in (start, end):
        frames[column] = _numbers(table[column], column, tables[0]) / config.frame_rate_hz
    numbers = _trial_numbers(table, tables[0])
    clips = [str(c) for c in table["clip"]] if "clip" in table else None
    reaches, left_out = reaches_of(frames[start], frames[end], numbers, clips, str(tables[0]))
    out = {}
    for muscle, stem in chosen_muscles(config.muscles, list(raw), "file", str(tables[0])).items():
        rows = _rows(raw[stem])
        if len(rows) != len(table):
            raise DataError(
                f"{raw[stem]}: has {len(rows)} rows, but the trial table {tables[0]} has {len(table)}; both must have "
                "one row for each trial, in the same order"
            )
        trials = tuple(Trial(rows[r.row], r.start_s, r.end_s, f"{raw[stem]}, trial {r.row + 1}") for r in reaches)
        out[muscle] = Recording(config.recorded_rate_hz, trials)
    return out, reaches, left_out


def _header(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as f:
            line = f.readline()
    except UnicodeDecodeError as e:
        raise DataError(f"{path}: is no text; expected .csv files (or one .nwb)") from e
    if not line.strip():
        raise DataError(f"{path}: is empty; export it again")
    return [c.strip() for c in next(csv.reader([line]))]


def _table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True)
    except (pd.errors.ParserError, ValueError) as e:
        raise DataError(f"{path}: not a table of comma-separated values ({' '.join(str(e).split())[:80]})") from e
    return table.rename(columns=str.strip)


def _numbers(column: pd.Series, name: str, path: Path) -> np.ndarray:
    found = pd.to_numeric(column, errors="coerce")
    text = np.flatnonzero(found.isna() & column.notna())
    if text.size:
        raise DataError(
            f"{path}: {column.iloc[text[0]]!r} in trial {text[0] + 1}, column {name}, is no number; correct it"
        )
    return found.to_numpy(float)


def _trial_numbers(table: pd.DataFrame, path: Path) -> np.ndarray | None:
    if "trial" not in table:
        return None
    numbers = _numbers(table["trial"], "trial", path)
    if not (np.isfinite(numbers) & (numbers == np.round(numbers))).all():
        raise DataError(f"{path}: column trial must hold whole numbers; names of clips belong into a column clip")
    return numbers


def _rows(path: Path) -> list[np.ndarray]:
    """Return the rows of numbers; a first line that counts samples, and a column without a name, are no data."""
    with path.open(encoding="utf-8-sig") as f:
        lines = [line for line in f if line.strip()]
    first = [c.strip().strip('"') for c in lines[0].split(",")]
    headed = first[0] == "" or not _is_number(first[0]) or first == [str(i) for i in range(len(first))]
    begin = 1 if headed and first[0] == "" else 0
    rows = [_row(line, i, begin, path) for i, line in enumerate(lines[headed:], 1)]
    if not rows:
        raise DataError(f"{path}: has a header but no trials; expected a row for each trial, samples in columns")
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _row(line: str, trial: int, begin: int, path: Path) -> np.ndarray:
    """Numbers (sample,) of one line; empty cells at its end, where other trials are longer, do not count."""
    cells = line.strip().rstrip(", \t").split(",")[begin:]
    try:
        return np.array(cells, dtype=float)
    except ValueError:
        i = next(i for i, c in enumerate(cells) if not _is_number(c))
        what = "is empty" if not cells[i].strip() else f"is {cells[i].strip()!r}, no number"
        raise DataError(f"{path}: sample {i + 1} of trial {trial} {what}; expected numbers, a trial a row") from None
