"""Marker trajectories of OpenSim and Motion Analysis (.trc): five header lines, then a row for each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints
from mimic_core.records import METRES_PER
from mimic_readers.common import distinct

_HEADER_LINES = 5
_NOT_MARKERS = 2  # columns Frame# and Time


def read(path: Path, config: object) -> Keypoints:
    """Read one clip, in the header's unit and at its DataRate. An empty cell is a missing position.

    Raises:
        DataError: the header is incomplete or its unit unknown, or the rows do not fit it.
    """
    header = _header(path)
    stated = dict(zip(header[1], header[2], strict=False))
    rate_hz = _rate(stated, path)
    unit = stated.get("Units", "").lower()
    if unit not in METRES_PER:
        raise DataError(
            f"{path}: Units is {unit or 'not given'}, expected {', '.join(METRES_PER)}; correct the third line"
        )
    names = header[3][_NOT_MARKERS::3]
    while names and not names[-1]:
        names.pop()
    distinct(names, path, "markers")
    return Keypoints.from_clips(
        [_positions(path, len(names))],
        names=names,
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        unit=unit,
    )


def _header(path: Path) -> list[list[str]]:
    try:
        with path.open(encoding="utf-8-sig") as f:
            lines = [[c.strip() for c in f.readline().split("\t")] for _ in range(_HEADER_LINES)]
    except UnicodeDecodeError as e:
        raise DataError(f"{path}: is no text file; export it again") from e
    if lines[0][0] != "PathFileType" or lines[3][0] != "Frame#":
        raise DataError(
            f"{path}: lacks the header of a .trc file (line 1 from PathFileType, line 4 from Frame#, cells "
            "separated by tabs); export it again"
        )
    return lines


def _rate(stated: dict[str, str], path: Path) -> float:
    try:
        rate_hz = float(stated["DataRate"])
    except (KeyError, ValueError):
        rate_hz = 0.0
    if not rate_hz > 0:
        raise DataError(
            f"{path}: DataRate is {stated.get('DataRate', 'not given')}, expected Hz; correct the third line"
        )
    return rate_hz


def _positions(path: Path, n_markers: int) -> np.ndarray:
    with path.open(encoding="utf-8-sig") as f:
        widest = max(line.count("\t") + 1 for line in f)
    try:
        cells = pd.read_csv(
            path, sep="\t", header=None, skiprows=_HEADER_LINES, names=range(widest), encoding="utf-8-sig"
        )
        rows = cells.dropna(how="all").astype(float).to_numpy()[:, _NOT_MARKERS:]
    except ValueError as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{path}: its rows hold something that is no number; export it again ({why})") from e
    found, beyond = rows[:, : 3 * n_markers], rows[:, 3 * n_markers :]
    if not len(found):
        raise DataError(f"{path}: has no frames; export it again")
    if found.shape[1] != 3 * n_markers or np.isfinite(beyond).any():  # a tab at the end of a row is usual
        raise DataError(f"{path}: its rows do not fit the {n_markers} markers of the fourth line; export it again")
    return found.reshape(len(found), n_markers, 3)
