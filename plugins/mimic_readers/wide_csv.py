"""Wide csv files: one frame a row, columns ``time`` (s) and ``<keypoint>_x``, ``_y``, ``_z`` (m) in any order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints

MIN_FRAMES = 4
_LARGEST_JITTER = 0.25  # of a frame
_SLOWEST_HZ = 1.0


def accepts(path: Path) -> bool:
    """True if the first line looks like this layout's header (or is empty, which `read` explains)."""
    try:
        with path.open(encoding="utf-8-sig") as f:
            header = [c.strip().strip('"').lower() for c in f.readline().split(",")]
    except UnicodeDecodeError:
        return False
    return header == [""] or "time" in header or any(c.endswith("_x") for c in header)


def read(path: Path, rate_hz: float | None) -> Keypoints:
    """Read one clip; an empty cell or ``NaN`` is a missing position.

    Raises:
        DataError: the file is empty or no table, lacks a column, holds text, has too few frames, or its
            frames are not evenly spaced in time.
    """
    path = Path(path)
    table = _table(path)
    names = _keypoints(list(table.columns), path)
    if len(table) < MIN_FRAMES:
        raise DataError(f"{path}: {len(table)} frames, expected at least {MIN_FRAMES}; give a longer recording")
    columns = [f"{n}_{a}" for n in names for a in "xyz"]
    clip = np.stack([_numbers(table[c], c, path) for c in columns], 1).reshape(len(table), len(names), 3)
    if rate_hz is None:
        if "time" not in table:
            raise DataError(f"{path}: has no column 'time' (s); add it, or set the reader's rate_hz")
        rate_hz = frame_rate(_numbers(table["time"], "time", path), path)
    return Keypoints.from_clips([clip], names=names, rate_hz=rate_hz, clip_names=[path.stem], files=[str(path)])


def frame_rate(time: np.ndarray, path: Path) -> float:
    """Return frames per second of evenly spaced times (frame,) s.

    Times are often written with few decimals; a whole number is returned where these cannot tell it from
    the number found.

    Raises:
        DataError: a time is missing, times do not rise evenly, or they cannot be seconds.
    """
    if not np.isfinite(time).all():
        empty = np.flatnonzero(~np.isfinite(time))
        raise DataError(
            f"{path}: column time is empty in row {_row(empty[0])}; fill it in, or set the reader's rate_hz"
        )
    duration, last = time[-1] - time[0], len(time) - 1
    if duration <= 0 or (np.diff(time) <= 0).any():
        bad = np.flatnonzero(np.diff(time) <= 0)
        row = _row(bad[0] + 1)
        raise DataError(f"{path}: column time does not rise at row {row}; sort the rows, or set the reader's rate_hz")
    rate = last / duration
    jitter = np.abs(time - time[0] - np.arange(len(time)) / rate)
    if jitter.max() > _LARGEST_JITTER / rate:
        step = np.diff(time)
        worst = int(np.abs(step - np.median(step)).argmax())
        raise DataError(
            f"{path}: times are irregular: a step of {step[worst]:.4g} s at row {_row(worst + 1)}, usually "
            f"{np.median(step):.4g} s; fill dropped frames with empty cells, or set the reader's rate_hz"
        )
    if rate < _SLOWEST_HZ:
        raise DataError(
            f"{path}: {1 / rate:.4g} s between frames; column time must be in seconds; divide milliseconds by 1000"
        )
    unsure = rate * 2 * max(jitter.max(), np.finfo(float).eps * np.abs(time).max()) / duration
    return float(round(rate)) if abs(rate - round(rate)) <= unsure else float(rate)


def _table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", skipinitialspace=True)
    except pd.errors.EmptyDataError as e:
        raise DataError(f"{path}: is empty; export it again") from e
    except (pd.errors.ParserError, UnicodeDecodeError) as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{path}: not a table of comma-separated values; export it again ({why})") from e
    table.columns = [str(c).strip() for c in table.columns]
    return table.rename(columns={c: "time" for c in table.columns if c.lower() == "time"})


def _keypoints(columns: list[str], path: Path) -> list[str]:
    names = list(dict.fromkeys(c[:-2] for c in columns if c[-2:] in ("_x", "_y", "_z") and len(c) > 2))
    if not names:
        raise DataError(f"{path}: has no keypoint columns; expected time, <keypoint>_x, <keypoint>_y, <keypoint>_z")
    for name in names:
        for axis in "xyz":
            if f"{name}_{axis}" not in columns:
                raise DataError(f"{path}: has no column {name}_{axis}, but others of keypoint {name!r}; add it")
    return names


def _numbers(column: pd.Series, name: str, path: Path) -> np.ndarray:
    numbers = pd.to_numeric(column, errors="coerce")
    text = np.flatnonzero(numbers.isna() & column.notna())
    if text.size:
        raise DataError(
            f"{path}: {column.iloc[text[0]]!r} in row {_row(text[0])}, column {name}, is no number; "
            "leave missing cells empty"
        )
    return numbers.to_numpy(dtype=float)


def _row(i: int) -> int:
    """Row as a spreadsheet numbers it: the header is row 1."""
    return int(i) + 2
