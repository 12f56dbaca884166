"""DeepLabCut's 3D csv: header rows scorer, (individuals,) bodyparts, coords with x, y, z and perhaps likelihood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints
from mimic_readers.common import distinct, pick_named, placed, stated_rate
from mimic_readers.csv_tables import AXES, enough, first_lines, layout, numbers, table
from mimic_readers.settings import DlcCsv

_MOST_HEADER_ROWS = 4


def accepts(path: Path) -> bool:
    """True if the first line is DeepLabCut's header."""
    return layout(path) == "dlc"


def read(path: Path, config: DlcCsv) -> Keypoints:
    """Read one animal as one clip.

    Raises:
        DataError: the rate is not given, the file holds 2D points or several animals of which none is chosen, is no
            table, lacks a column, holds text or has too few frames.
    """
    rows = [line[0].lower() for line in first_lines(path, _MOST_HEADER_ROWS)]
    if "coords" not in rows or "bodyparts" not in rows:
        raise DataError(f"{path}: has no header rows bodyparts and coords; export it again from DeepLabCut")
    n_header = rows.index("coords") + 1
    heads = list(zip(*(line[1:] for line in first_lines(path, n_header)), strict=False))
    if twice := [h for i, h in enumerate(heads) if h in heads[:i]]:
        raise DataError(f"{path}: two columns are called {' '.join(twice[0][1:])}; give each bodypart its own name")
    frames = table(path, header=list(range(n_header)), index_col=0)
    frames.columns.names = rows[:n_header]
    return of_frame(frames, path, config, n_header)


def of_frame(frames: pd.DataFrame, path: Path, config: DlcCsv, n_header: int = 1) -> Keypoints:
    """Read DeepLabCut's table: columns of levels scorer, (individuals,) bodyparts and coords, rows by frame number."""
    rows = frames.columns.names
    if "individuals" in rows:
        known = list(frames.columns.unique("individuals"))
        chosen = pick_named(known, config.individual, path, "individual")
        frames = frames.xs(chosen, axis=1, level="individuals")
    axes = {str(c).lower() for c in frames.columns.unique("coords")}
    if not axes.issuperset(AXES):
        raise DataError(
            f"{path}: has the coordinates {', '.join(sorted(axes))}, expected x, y, z; triangulate the cameras' files "
            "first, e.g. with Anipose"
        )
    rate_hz = stated_rate(config.rate_hz, path)
    enough(frames, path)
    names = distinct([str(n) for n in frames.columns.unique("bodyparts")], path, "bodyparts")
    clip = np.stack([np.stack([_column(frames, n, a, n_header, path) for a in AXES], -1) for n in names], 1)
    confidence = None
    if "likelihood" in axes:
        confidence = [np.stack([_column(frames, n, "likelihood", n_header, path) for n in names], -1)]
    index = pd.to_numeric(pd.Series(frames.index), errors="coerce").to_numpy(float)
    both = clip if confidence is None else np.concatenate([clip, confidence[0][..., None]], -1)
    both = placed(both, index, path, "the first column", n_header + 1)
    clip, confidence = both[..., :3], None if confidence is None else [both[..., 3]]
    return Keypoints.from_clips(
        [clip],
        names=names,
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        confidence=confidence,
        unit="",
    )


def _column(frames: pd.DataFrame, name: str, coord: str, n_header: int, path: Path) -> np.ndarray:
    columns = frames.columns
    place = (columns.get_level_values("bodyparts") == name) & (columns.get_level_values("coords") == coord)
    if place.sum() != 1:
        raise DataError(f"{path}: has {place.sum()} columns {coord} of bodypart {name}, expected one; export it again")
    return numbers(frames.loc[:, place].iloc[:, 0], f"{name} {coord}", path, n_header)
