"""Raw EMG in .csv files: one for each muscle with a row for each trial, and a trial table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import DataError
from mimic_emg.pipeline import MEND_SAMPLES, Trial
from mimic_emg.raw import Reach, Recording, chosen_muscles, clip_names, edge_columns, edge_s, reaches_of, trial_numbers
from mimic_emg.settings import RawEmg
from mimic_tables import dialect, first_lines, read_table


def recordings(files: Sequence[Path], config: RawEmg) -> tuple[dict[str, Recording], list[Reach], int]:
    """Read the files of all muscles and the trial table.

    Returns:
        muscle → recording, the reaches, and how many rows of the table have none.

    Raises:
        DataError: there is no trial table or no recording, two recordings have one name, a file is empty or no table
            of numbers, the number of its rows is not that of the table, or nobody tells a rate.
    """
    edges = {f: edge_columns(_header(f), config) for f in files}
    tables = [f for f in files if edges[f]]
    raw = _by_name([f for f in files if f not in tables])
    if len(tables) != 1:
        found = ", ".join(map(str, tables)) if tables else f"none of {', '.join(map(str, files))}"
        raise DataError(
            f"emg: needs one trial table, a .csv with columns {config.start or 'start'} and {config.end or 'end'}, "
            f"found {found}; name it among the files, or its columns with --set emg.start=… --set emg.end=…"
        )
    if not raw:
        raise DataError(f"{tables[0]}: is a trial table; name the recordings too, a .csv for each muscle")
    table, where = _table(tables[0]), str(tables[0])
    start_s, end_s = (edge_s(table, column, config.frame_rate_hz, where) for column in edges[tables[0]])
    counted = trial_numbers(table, where)
    reaches, left_out = reaches_of(start_s, end_s, counted, clip_names(table), where)
    if config.recorded_rate_hz is None:
        raise DataError(
            f"{next(iter(raw.values()))}: does not hold the rate it was recorded at; give it with "
            "--set emg.recorded_rate_hz=RATE"
        )
    out = {}
    for muscle, stem in chosen_muscles(config.muscles, list(raw), "file", where).items():
        rows, begin = _rows(raw[stem])
        if len(rows) != len(table):
            raise DataError(
                f"{raw[stem]}: has {len(rows)} rows, but the trial table {tables[0]} has {len(table)}; both must have "
                "one row for each trial, in the same order"
            )
        samples = [_row(rows[r.row], r.row + 1, begin, raw[stem]) for r in reaches]
        trials = tuple(
            Trial(s, r.start_s, r.end_s, f"{raw[stem]}, trial {r.row + 1}")
            for s, r in zip(samples, reaches, strict=True)
        )
        out[muscle] = Recording(config.recorded_rate_hz, trials)
    return out, reaches, left_out


def _by_name(files: Sequence[Path]) -> dict[str, Path]:
    out: dict[str, Path] = {}
    for f in files:
        first = out.setdefault(f.stem, f)
        if not f.samefile(first):
            raise DataError(
                f"{f}: has the same name as {first}; rename one, or, where they are the same muscle in two "
                "sessions, run 'mimic emg' for each session"
            )
    return out


def _header(path: Path) -> list[str]:
    if dialect(path) is None:
        raise DataError(f"{path}: is no text; expected .csv files (or one .nwb)")
    found = first_lines(path, 1)[0]
    if found == [""] and not path.read_bytes().strip():
        raise DataError(f"{path}: is empty; export it again")
    return found


def _table(path: Path) -> pd.DataFrame:
    table = read_table(path)
    for c in table.columns[table.columns.str.strip() == "clip"]:  # names as they stand: 007 is no number
        table[c] = read_table(path, usecols=[c], dtype=str, keep_default_na=False)[c]
    return table.rename(columns=str.strip)


def _rows(path: Path) -> tuple[list[str], int]:
    """Return the lines of trials, and the column that the samples begin in.

    A first line that counts samples, and a column without a name, are no data.
    """
    how = dialect(path)
    with path.open(encoding=how.encoding) as f:
        lines = [line for line in f if line.strip()][how.begins :]
    if how.separator != ",":
        lines = [line.replace(how.decimal, ".").replace(how.separator, ",") for line in lines]
    first = [c.strip().strip('"') for c in lines[0].split(",")]
    unnamed = first[0] == "" and any(first)
    counted = first == [str(i) for i in range(len(first))]
    headed = unnamed or counted or not (first[0] == "" or _is_number(first[0]))
    rows = lines[headed:]
    if not rows:
        raise DataError(f"{path}: has a header but no trials; expected a row for each trial, samples in columns")
    return rows, 1 if unnamed else 0


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _row(line: str, trial: int, begin: int, path: Path) -> np.ndarray:
    """Numbers (sample,) of one line; one NaN where all its cells are empty, as the trial was not recorded.

    Empty cells at its end, where other trials are longer, do not count.
    """
    cells = line.strip().rstrip(", \t").split(",")[begin:]
    if not any(c.strip() for c in cells):
        return np.array([np.nan])
    try:
        return np.array(cells, dtype=float)
    except ValueError:
        i = next(i for i, c in enumerate(cells) if not _is_number(c))
        what = "is empty" if not cells[i].strip() else f"is {cells[i].strip()!r}, no number"
        raise DataError(f"{path}: sample {i + 1} of trial {trial} {what}; {MEND_SAMPLES}") from None
