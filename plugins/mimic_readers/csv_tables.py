"""The layouts of .csv files: which one a file has, and its cells as numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import mimic_tables
from mimic_core import DataError
from mimic_tables import dialect as dialect
from mimic_tables import read_table, seconds

AXES = ("x", "y", "z")
MIN_FRAMES = 4
KEYPOINT = ("keypoint", "bodypart", "marker", "landmark", "name")
"""What the column of names is called where each keypoint has a row."""
FRAME = ("frame", "fnum", "frame_number", "frame#")
"""What a column of frame numbers is called."""
MOST_COLUMNS = 5_000
_AXIS = re.compile(r"(.+)[_. ]([xyzXYZ])")


def layout(path: Path) -> str:
    """Return ``dlc``, ``anipose``, ``jarvis``, ``long`` or ``wide`` by the first lines of a file, or an empty text.

    An empty file counts as ``wide``, so that the reader of that layout explains what is wrong.
    """
    header, second = first_lines(path, 2)
    lower = [c.lower() for c in header]
    if lower[0] == "scorer":
        return "dlc"
    if "fnum" in lower and any(c.endswith("_ncams") for c in lower):
        return "anipose"
    if [c.lower() for c in second[:3]] == list(AXES):
        return "jarvis"
    if {"x", "y", "z"} <= set(lower) and set(lower) & set(KEYPOINT):
        return "long"
    return "wide" if lower == [""] or any(map(seconds, lower)) or any(_AXIS.fullmatch(c) for c in lower) else ""


def first_lines(path: Path, n: int) -> list[list[str]]:
    """Return the cells of the first ``n`` lines; lines that are not there have one empty cell.

    Raises:
        DataError: there are more columns than any recording has.
    """
    found = mimic_tables.first_lines(path, n)
    if (widest := max(map(len, found))) > MOST_COLUMNS:
        raise DataError(f"{path}: {widest:,} columns; expected up to {MOST_COLUMNS:,}; export fewer keypoints")
    return found


def table(path: Path, **options: Any) -> pd.DataFrame:
    """Read a file; ``options`` are those of `pandas.read_csv`.

    Raises:
        DataError: it is empty or no table, or two of its columns have one name.
    """
    if "header" not in options:
        heads = [c for c in first_lines(path, 1)[0] if c]
        twice = [c for i, c in enumerate(heads) if c.lower() in [h.lower() for h in heads[:i]]]
        if twice:
            raise DataError(f"{path}: two columns are called {twice[0]}; give each a name of its own")
    return read_table(path, **options)


def plain_columns(frames: pd.DataFrame) -> pd.DataFrame:
    """Return the table with columns ``<keypoint>_x`` where it has ``<keypoint>.X`` and the like, and ``time``.

    Its ``attrs`` say the unit of the times, in s, as ``seconds``.
    """
    names = {c: str(c).strip() for c in frames.columns}
    found = {c: _AXIS.fullmatch(name) for c, name in names.items()}
    plain = {c: f"{m[1]}_{m[2].lower()}" if m else names[c] for c, m in found.items()}
    units = {c: unit for c, n in plain.items() if (unit := seconds(n)) is not None}
    clock = next(iter(units), None)
    found = frames.rename(columns={c: "time" if c == clock else n for c, n in plain.items()})
    found.attrs["seconds"] = units.get(clock, 1.0)
    return found


def enough(frames: pd.DataFrame, path: Path) -> None:
    """Refuse a recording that is too short for anything.

    Raises:
        DataError: it has fewer than `MIN_FRAMES` frames.
    """
    if len(frames) < MIN_FRAMES:
        raise DataError(f"{path}: {len(frames)} frames, expected at least {MIN_FRAMES}; give a longer recording")


def numbers(column: pd.Series, name: str, path: Path, header_rows: int = 1) -> np.ndarray:
    """Return a column as numbers (frame,); an empty cell or ``NaN`` is NaN.

    Raises:
        DataError: a cell holds something else.
    """
    found = pd.to_numeric(column, errors="coerce")
    text = np.flatnonzero(found.isna() & column.notna())
    if text.size:
        raise DataError(
            f"{path}: {column.iloc[text[0]]!r} in row {text[0] + header_rows + 1}, column {name}, is no number; "
            "leave missing cells empty"
        )
    return found.to_numpy(dtype=float)


def keypoint_names(columns: list[str], path: Path) -> list[str]:
    """Return the keypoints of columns ``<keypoint>_x``, ``_y``, ``_z``, in the file's order.

    Raises:
        DataError: there is none, or an axis of one is missing.
    """
    names = list(dict.fromkeys(c[:-2] for c in columns if c[-2:] in ("_x", "_y", "_z") and len(c) > 2))
    lower = [n.lower() for n in names]
    if len(set(lower)) < len(names):
        raise DataError(f"{path}: two keypoints differ only in case ({', '.join(names)}); rename one")
    if not names:
        raise DataError(f"{path}: has no keypoint columns; expected time, <keypoint>_x, <keypoint>_y, <keypoint>_z")
    for name in names:
        for axis in AXES:
            if f"{name}_{axis}" not in columns:
                raise DataError(f"{path}: has no column {name}_{axis}, but others of keypoint {name!r}; add it")
    return names


def keypoint_columns(frames: pd.DataFrame, names: list[str], suffixes: tuple[str, ...], path: Path) -> np.ndarray:
    """Return (frame, keypoint, suffix) from columns ``<keypoint>_<suffix>``."""
    columns = [f"{n}_{s}" for n in names for s in suffixes]
    found = np.stack([numbers(frames[c], c, path) for c in columns], 1)
    return found.reshape(len(frames), len(names), len(suffixes))
