"""JARVIS' data3D.csv: a row of names, a row of x, y, z, confidence, then a row for each frame; mm."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mimic_core import DataError, Keypoints
from mimic_readers.common import distinct, stated_rate
from mimic_readers.csv_tables import AXES, enough, first_lines, layout, numbers, table
from mimic_readers.settings import JarvisCsv


def accepts(path: Path) -> bool:
    """True if the second line is x, y, z."""
    return layout(path) == "jarvis"


def read(path: Path, config: JarvisCsv) -> Keypoints:
    """Read one clip.

    Raises:
        DataError: the rate is not given, a keypoint lacks an axis or is there twice, or a cell is no number.
    """
    heads, axes = first_lines(path, 2)
    axes = [a.lower() for a in axes]
    per = axes.index("x", 1) if "x" in axes[1:] else len(axes)
    names = distinct(heads[::per], path, "the first line")
    whole = axes == axes[:per] * len(names) and heads == [n for n in names for _ in range(per)]
    if axes[:3] != list(AXES) or not whole:
        raise DataError(f"{path}: the second line must be x, y, z (, confidence) for each keypoint; export it again")
    rate_hz = stated_rate(config.rate_hz, path)
    frames = table(path, header=None, skiprows=2)
    enough(frames, path)
    if frames.shape[1] != len(axes):
        raise DataError(f"{path}: rows have {frames.shape[1]} cells, the header {len(axes)}; export it again")
    found = [numbers(frames[c], f"{n} {a}", path, 2) for c, n, a in zip(frames, heads, axes, strict=True)]
    cells = np.stack(found, 1).reshape(len(frames), len(names), per)
    return Keypoints.from_clips(
        [cells[..., :3]],
        names=names,
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        confidence=[np.clip(cells[..., 3], 0, 1)] if axes[3:4] == ["confidence"] else None,
        unit="mm",
    )
