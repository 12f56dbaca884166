"""Wide csv files: one frame a row, columns ``time`` (s) and ``<keypoint>_x``, ``_y``, ``_z`` (m) in any order."""

from __future__ import annotations

from pathlib import Path

import attrs

from mimic_core import DataError, Keypoints
from mimic_readers.common import SAY, placed, timed
from mimic_readers.csv_tables import (
    AXES,
    FRAME,
    enough,
    keypoint_columns,
    keypoint_names,
    layout,
    numbers,
    plain_columns,
    table,
)
from mimic_readers.settings import WideCsv

_FREEMOCAP = ("body_", "left_hand_", "right_hand_", "face_")
"""begin the names of FreeMoCap's tables, which are in mm; ``body_`` is taken off"""


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
    clip, rate_hz, remarks = keypoint_columns(frames, names, AXES, path), config.rate_hz, []
    number = next((c for c in frames if c.lower() in FRAME), None)
    if "time" in frames:
        clip, rate_hz, remarks = timed(
            clip, frames.attrs["seconds"] * numbers(frames["time"], "time", path), rate_hz, path
        )
    elif rate_hz is None:
        raise DataError(f"{path}: has no column 'time' (s); add it, or give the rate with {SAY}rate_hz=RATE")
    if number is not None and len(clip) == len(frames):  # else times have told what was left out
        clip = placed(clip, numbers(frames[number], number, path), path, f"column {number}")
    unit = "m"
    if all(n.startswith(_FREEMOCAP) for n in names) and any(n.startswith(_FREEMOCAP[0]) for n in names):
        names, unit = [n.removeprefix(_FREEMOCAP[0]) for n in names], "mm"
    read = Keypoints.from_clips(
        [clip], names=names, rate_hz=rate_hz, clip_names=[path.stem], files=[str(path)], unit=unit
    )
    return attrs.evolve(read, remarks=remarks)
