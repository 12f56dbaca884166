"""Anipose's 3D csv: columns ``<keypoint>_x``, ``_y``, ``_z``, ``_error`` (px), ``_ncams``, ``_score``, and ``fnum``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints
from mimic_readers.common import placed, stated_rate, trust
from mimic_readers.csv_tables import AXES, enough, keypoint_columns, keypoint_names, layout, numbers, table
from mimic_readers.settings import AniposeCsv


def accepts(path: Path) -> bool:
    """True if the first line is Anipose's header."""
    return layout(path) == "anipose"


def read(path: Path, config: AniposeCsv) -> Keypoints:
    """Read one clip. Anipose's own rotation and origin (``M_``, ``center_``) are already in the positions.

    Raises:
        DataError: the rate is not given, the file is no table, lacks a column, holds text or has too few frames.
    """
    rate_hz = stated_rate(config.rate_hz, path)
    frames = table(path).rename(columns=lambda c: str(c).strip())
    names = keypoint_names(list(frames.columns), path)
    for column in (f"{n}_{s}" for n in names for s in ("error", "score")):
        if column not in frames:
            raise DataError(f"{path}: has no column {column}, which Anipose writes; export it again")
    enough(frames, path)
    found = np.concatenate([keypoint_columns(frames, names, AXES, path), _trust(frames, names, path, config)], 2)
    found = placed(found, numbers(frames["fnum"], "fnum", path), path, "column fnum")
    return Keypoints.from_clips(
        [found[..., :3]],
        names=names,
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        confidence=[found[..., 3]],
        unit="",
    )


def _trust(frames: pd.DataFrame, names: list[str], path: Path, config: AniposeCsv) -> np.ndarray:
    """(frame, keypoint, 1) confidence."""
    score, error_px = keypoint_columns(frames, names, ("score", "error"), path).transpose(2, 0, 1)
    return trust(score, error_px, config.error_scale_px)[..., None]
