"""Tidy csv: a row for each keypoint of each frame, columns frame, (time,) keypoint, x, y, z (, confidence)."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints
from mimic_readers.common import distinct, frame_rate, placed, stated_rate, timed
from mimic_readers.csv_tables import AXES, FRAME, KEYPOINT, enough, layout, numbers, table
from mimic_readers.settings import LongCsv
from mimic_tables import seconds

_CONFIDENCE = ("confidence", "likelihood", "score")


def accepts(path: Path) -> bool:
    """True if the first line has x, y, z and a column of names."""
    return layout(path) == "long"


def read(path: Path, config: LongCsv) -> Keypoints:
    """Read one clip; rows may be in any order, and a missing row is a missing position.

    Raises:
        DataError: a column is missing, a keypoint has two rows in a frame, or the rate is not known.
    """
    rows = table(path).rename(columns=lambda c: str(c).strip().lower())

    def column(known: tuple[str, ...]) -> str | None:
        return next((c for c in known if c in rows), None)

    name, frame, confidence = (column(c) for c in (KEYPOINT, FRAME, _CONFIDENCE))
    time = next((c for c in rows if seconds(c)), None)
    if frame is None and time is None:
        raise DataError(f"{path}: has no column {FRAME[0]} or time; add one that tells which frame a row is of")
    order = numbers(rows[frame or time], str(frame or time), path)
    labels = rows[name].astype(str).str.strip()
    names = distinct(list(dict.fromkeys(labels)), path, f"column {name}")
    key = pd.MultiIndex.from_arrays([order, labels])
    if key.has_duplicates:
        at, who = key[key.duplicated()][0]
        raise DataError(f"{path}: {who} has two rows in {frame or time} {at:g}; choose one animal or recording")
    wanted = [*AXES, *([confidence] if confidence else [])]
    values = pd.DataFrame({c: numbers(rows[c], c, path) for c in wanted}, index=pd.RangeIndex(len(rows)))
    frames = np.unique(order)
    enough(pd.DataFrame(index=frames), path)
    full = values.set_axis(key).reindex(pd.MultiIndex.from_product([frames, names]))
    cells = full.to_numpy().reshape(len(frames), len(names), len(wanted))
    rate_hz, remarks = config.rate_hz, []
    if rate_hz is None and time is not None:
        times = pd.Series(seconds(time) * numbers(rows[time], time, path)).groupby(order).first()
        at = (frames - frames[0]).astype(int) if frame else np.arange(len(frames))
        if frame and len(at) > 1 and (np.diff(at) > 1).any():  # the time of frames that were left out
            times = pd.Series(np.interp(np.arange(at[-1] + 1), at, times))
        rate_hz = frame_rate(times.to_numpy(), path, f"column {time}")
    elif time is not None:
        times = pd.Series(seconds(time) * numbers(rows[time], time, path)).groupby(order).first()
        cells, rate_hz, remarks = timed(cells, times.to_numpy(), rate_hz, path, f"column {time}")
    if frame is not None and len(cells) == len(frames):  # else times have told what was left out
        cells = placed(cells, frames, path, f"column {frame}")
    read = Keypoints.from_clips(
        [cells[..., :3]],
        names=names,
        rate_hz=stated_rate(rate_hz, path),
        clip_names=[path.stem],
        files=[str(path)],
        confidence=[np.clip(cells[..., 3], 0, 1)] if confidence else None,
        unit="",
    )
    return attrs.evolve(read, remarks=remarks)
