"""Wide csv files: one frame a row, columns ``time`` (s) and ``<keypoint>_x``, ``_y``, ``_z`` (m) in any order."""

from __future__ import annotations

from pathlib import Path

from mimic_core import DataError, Keypoints
from mimic_readers.common import SAY, frame_rate
from mimic_readers.csv_tables import (
    AXES,
    enough,
    keypoint_columns,
    keypoint_names,
    layout,
    numbers,
    plain_columns,
    table,
)
from mimic_readers.settings import WideCsv

_FREEMOCAP = "body_"
"""begins the names of FreeMoCap's ``body_3d_xyz.csv``, which has mm and no time"""


def accepts(path: Path) -> bool:
    """True if the first line looks like this layout's header (or is empty, which `read` explains)."""
    return layout(path) == "wide"


def read(path: Path, config: WideCsv) -> Keypoints:
    """Read one clip; an empty cell or ``NaN`` is a missing position.

    Raises:
        DataError: the file is empty or no table, lacks a column, holds text, has too few frames, or its
            frames are not evenly spaced in time.
    """
    frames = plain_columns(table(path))
    names = keypoint_names(list(frames.columns), path)
    enough(frames, path)
    clip = keypoint_columns(frames, names, AXES, path)
    rate_hz, unit = config.rate_hz, "m"
    if rate_hz is None:
        if "time" not in frames:
            raise DataError(f"{path}: has no column 'time' (s); add it, or give the rate with {SAY}rate_hz=RATE")
        rate_hz = frame_rate(numbers(frames["time"], "time", path), path)
    if "time" not in frames and all(n.startswith(_FREEMOCAP) for n in names):
        names, unit = [n.removeprefix(_FREEMOCAP) for n in names], "mm"
    return Keypoints.from_clips(
        [clip], names=names, rate_hz=rate_hz, clip_names=[path.stem], files=[str(path)], unit=unit
    )
