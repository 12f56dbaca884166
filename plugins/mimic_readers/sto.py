"""OpenSim's tables (.sto, .mot) of marker positions: three columns a marker, or one column of triples."""

from __future__ import annotations

import io
import re
from pathlib import Path

import attrs
import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints
from mimic_readers.common import distinct, timed
from mimic_readers.csv_tables import dialect, enough, numbers
from mimic_readers.settings import Sto

_END = "endheader"
_AXIS = re.compile(r"(.+?)[_.]t?([xyz])", re.IGNORECASE)
_TRIPLE = "Vec3"


def read(path: Path, config: Sto) -> Keypoints:
    """Read one clip, in metres: what OpenSim writes as marker locations, or a table of Vec3.

    Raises:
        DataError: the header is incomplete, times are uneven, or the table holds joint angles or forces.
    """
    found = dialect(path)
    if found is None:
        raise DataError(f"{path}: is no text file; export it again")
    head, end, body = path.read_text(encoding=found.encoding).partition(_END)
    if not end:
        raise DataError(f"{path}: has no line {_END!r}, which a {path.suffix} file has; export it again")
    stated = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    triples = stated.get("DataType", "").strip() == _TRIPLE
    cells = _cells(body, path)
    enough(cells, path)
    time = numbers(cells.iloc[:, 0], str(cells.columns[0]), path)
    names, clip = (_of_triples if triples else _of_columns)(cells.iloc[:, 1:], path)
    clip, rate_hz, remarks = timed(clip, time, config.rate_hz, path, "column time")
    read = Keypoints.from_clips(
        [clip],
        names=distinct(names, path, "markers"),
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        unit="m",
    )
    return attrs.evolve(read, remarks=remarks)


def _cells(body: str, path: Path) -> pd.DataFrame:
    body = body.lstrip()
    separator = "\t" if "\t" in body.partition("\n")[0] else r"\s+"
    try:
        cells = pd.read_csv(io.StringIO(body), sep=separator, index_col=False).rename(columns=lambda c: str(c).strip())
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as e:
        raise DataError(f"{path}: is no table; export it again ({' '.join(str(e).split())[:80]})") from e
    if not len(cells.columns) or str(cells.columns[0]).lower() != "time":
        raise DataError(f"{path}: its first column is not time; export it again")
    return cells


def _of_columns(cells: pd.DataFrame, path: Path) -> tuple[list[str], np.ndarray]:
    """Names and (frame, marker, xyz) of columns ``<marker>_tx``, ``_ty``, ``_tz`` or ``_x``, ``_y``, ``_z``."""
    found = {c: _AXIS.fullmatch(str(c)) for c in cells.columns}
    markers: dict[str, dict[str, str]] = {}
    for column, m in found.items():
        if m:
            markers.setdefault(m[1], {})[m[2].lower()] = column
    odd = [str(c) for c, m in found.items() if m is None or len(markers[m[1]]) != 3]
    if odd or not markers:
        raise DataError(
            f"{path}: its columns {', '.join(odd[:3]) or 'none'} are no positions of markers; give OpenSim's marker "
            f"locations (<marker>_tx, _ty, _tz), or the .trc file; joint angles and forces are not keypoints"
        )
    clip = [[numbers(cells[axes[a]], axes[a], path) for a in "xyz"] for axes in markers.values()]
    return list(markers), np.moveaxis(np.array(clip), -1, 0)


def _of_triples(cells: pd.DataFrame, path: Path) -> tuple[list[str], np.ndarray]:
    try:
        flat = [[[float(v) for v in str(cell).split(",")] for cell in cells[c]] for c in cells.columns]
        clip = np.array(flat)
    except ValueError as e:
        raise DataError(
            f"{path}: holds something else than triples of numbers, as DataType says; export it again"
        ) from e
    if clip.ndim != 3 or clip.shape[2] != 3:
        raise DataError(f"{path}: its cells are no triples, as DataType says; export it again")
    return [str(c) for c in cells.columns], clip.swapaxes(0, 1)
