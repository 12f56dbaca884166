"""``curve.csv``: one row for each evaluation of a training."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from mimic_core.files import write_text

FILE = "curve.csv"
"""of a run"""
COLUMNS = ("control_steps", "seconds", "reward", "tracking_mm", "train_mm")
"""``seconds`` are those of training, without compilation and evaluation; ``reward`` is the last iteration's mean per
control step; ``tracking_mm`` and ``train_mm`` are the mean distance of the keypoints that move from the registered
reference, mm of the animal, over the clips held out (all where none is) and over those trained on"""
SUCCESS = "success"
"""A further column for a task that knows success: its share among the episodes held out (all where none is)"""

Row = dict[str, float]


def read_curve(directory: Path, until: int) -> list[Row]:
    """Return the rows of a run's curve up to so many control steps; none where there is no file."""
    path = directory / FILE
    if not path.is_file():
        return []
    with path.open(newline="") as f:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(f)]
    return [r for r in rows if r["control_steps"] <= until]


def write_curve(directory: Path, curve: Sequence[Row]) -> None:
    """Write a run's curve anew."""
    text = io.StringIO()
    columns = (*COLUMNS, SUCCESS) if curve and SUCCESS in curve[-1] else COLUMNS
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(curve)
    write_text(directory / FILE, text.getvalue())
