"""Marker trajectories of OpenSim and Motion Analysis (.trc): five header lines, then a row for each frame."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import attrs
import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints
from mimic_core.records import METRES_PER
from mimic_readers.common import SAY, distinct, labelled, placed, places, unit_of
from mimic_readers.csv_tables import dialect
from mimic_readers.settings import Trc

_HEADER_LINES = 5
_NOT_MARKERS = 2  # columns Frame# and Time
_FEW = 3
_LARGEST_DIFFERENCE = 0.01  # between the header's rate and that of the times


def read(path: Path, config: Trc) -> Keypoints:
    """Read one clip, in the header's unit and at its DataRate, each row at its time. An empty cell is missing.

    Markers without a name (empty, or ``*60``) are left out.

    Raises:
        DataError: the header is incomplete or its unit unknown, the rows do not fit it, or its rate is not that of the
            column Time.
    """
    header = _header(path)
    stated = dict(zip(header[1], header[2], strict=False))
    unit = unit_of(stated.get("Units"))
    if not unit:
        said = stated.get("Units") or "not given"
        raise DataError(f"{path}: Units is {said}, expected {', '.join(METRES_PER)}; correct the third line")
    names = _names(header, stated)
    rows = _rows(path)
    found, beyond = rows[:, _NOT_MARKERS : _NOT_MARKERS + 3 * len(names)], rows[:, _NOT_MARKERS + 3 * len(names) :]
    if not len(found):
        raise DataError(f"{path}: has no frames; export it again")
    if found.shape[1] != 3 * len(names) or np.isfinite(beyond).any():  # a tab at the end of a row is usual
        raise DataError(f"{path}: its rows do not fit the {len(names)} markers of the fourth line; export it again")
    keep, named, remarks = labelled(names)
    clip = found.reshape(len(found), len(names), 3)[:, keep]
    rate_hz = config.rate_hz or _rate(stated, path)
    number = _number(rows[:, 0], rows[:, 1], rate_hz, path, any_rate=config.rate_hz is not None)
    read = Keypoints.from_clips(
        [placed(clip, number, path, "column Frame#", _HEADER_LINES + 1)],
        names=distinct(named, path, "markers"),
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        unit=unit,
    )
    return attrs.evolve(read, remarks=remarks)


def _header(path: Path) -> list[list[str]]:
    found = dialect(path)
    if found is None:
        raise DataError(f"{path}: is no text file; export it again")
    with path.open(encoding=found.encoding) as f:
        lines = [f.readline() for _ in range(_HEADER_LINES)]
    cells = [[c.strip() for c in line.split("\t")] for line in lines]
    cells[1:3] = [line.split() for line in lines[1:3]]  # some programs write spaces there
    if cells[0][0].split(" ")[0] != "PathFileType" or cells[3][0].rstrip("#") != "Frame":
        raise DataError(
            f"{path}: lacks the header of a .trc file (line 1 from PathFileType, line 4 from Frame#, cells "
            "separated by tabs); export it again"
        )
    return cells


def _names(header: list[list[str]], stated: dict[str, str]) -> list[str]:
    """Names of the markers, some of them empty: every third cell of the fourth line, or, in some files, every one."""
    cells, given = header[3][_NOT_MARKERS:], stated.get("NumMarkers", "")
    filled = [c for c in cells if c]
    names = cells[::3]
    while names and not names[-1]:
        names.pop()
    if given.isdecimal() and len(filled) == int(given) and len(names) < len(filled):
        return filled
    return names + [""] * (int(given) - len(names) if given.isdecimal() and int(given) * 3 <= len(header[4]) else 0)


def _rate(stated: dict[str, str], path: Path) -> float:
    try:
        rate_hz = float(stated["DataRate"].replace(",", "."))
    except (KeyError, ValueError):
        rate_hz = 0.0
    if not 0 < rate_hz < math.inf:
        raise DataError(
            f"{path}: DataRate is {stated.get('DataRate', 'not given')}, expected Hz; correct the third line"
        )
    return rate_hz


def _number(frame: np.ndarray, time: np.ndarray, rate_hz: float, path: Path, *, any_rate: bool) -> np.ndarray:
    """(frame,) number of each row, by its time where that is given, else by its Frame#.

    Raises:
        DataError: times do not rise, or irregularly, or at another rate than the header's (unless ``any_rate``).
    """
    if not np.isfinite(time).all() or not time.any() or len(time) < _FEW:
        return frame
    step = np.diff(time)
    if (step <= 0).any():
        row = _HEADER_LINES + 2 + int((step <= 0).argmax())
        raise DataError(f"{path}: column Time does not rise at row {row}; sort the rows")
    place = places(time)
    if place is None:
        worst = int(np.abs(step / np.median(step) - np.round(step / np.median(step))).argmax())
        raise DataError(f"{path}: column Time is irregular at row {_HEADER_LINES + 2 + worst}; correct it")
    per_frame = (time[-1] - time[0]) / place[-1]  # exact, also where times are written with few decimals
    if abs(per_frame * rate_hz - 1) > _LARGEST_DIFFERENCE and not any_rate:
        raise DataError(
            f"{path}: DataRate is {rate_hz:g} Hz, but the column Time rises as at {1 / per_frame:.4g} Hz; correct the "
            f"header, or give the rate with {SAY}rate_hz=RATE"
        )
    return place


def _rows(path: Path) -> np.ndarray:
    """(frame, column) all numbers of the file."""
    found = dialect(path)
    with path.open(encoding=found.encoding) as f:
        lines = f.readlines()[_HEADER_LINES:]
    widest = max((line.count("\t") + 1 for line in lines), default=1)
    decimal = "," if any(re.search(r"\d,\d", line) for line in lines[:8]) else "."
    try:
        cells = pd.read_csv(io.StringIO("".join(lines)), sep="\t", header=None, names=range(widest), decimal=decimal)
        return cells.dropna(how="all").astype(float).to_numpy()
    except (ValueError, pd.errors.ParserError, pd.errors.EmptyDataError) as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{path}: its rows hold something that is no number; export it again ({why})") from e
