"""The layouts of .csv files: which one a file has, and its cells as numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mimic_core import DataError

AXES = ("x", "y", "z")
MIN_FRAMES = 4


def layout(path: Path) -> str:
    """Return ``dlc``, ``anipose`` or ``wide`` by the first line of a file, or an empty text for any other layout.

    An empty file counts as ``wide``, so that the reader of that layout explains what is wrong.
    """
    header = first_lines(path, 1)[0]
    if header[0].lower() == "scorer":
        return "dlc"
    if "fnum" in header and any(c.endswith("_ncams") for c in header):
        return "anipose"
    lower = [c.lower() for c in header]
    return "wide" if lower == [""] or "time" in lower or any(c.endswith("_x") for c in lower) else ""


def first_lines(path: Path, n: int) -> list[list[str]]:
    """Return the cells of the first ``n`` lines; lines that are not there have one empty cell."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as f:
            lines = [f.readline().strip() for _ in range(n)]
    except UnicodeDecodeError:
        return [["\0"]] * n
    return [[c.strip() for c in next(csv.reader([line], skipinitialspace=True), [])] or [""] for line in lines]


def table(path: Path, **options: Any) -> pd.DataFrame:
    """Read a file; ``options`` are those of `pandas.read_csv`.

    Raises:
        DataError: it is empty or no table.
    """
    try:
        return pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True, **options)
    except pd.errors.EmptyDataError as e:
        raise DataError(f"{path}: is empty; export it again") from e
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{path}: not a table of comma-separated values; export it again ({why})") from e


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
