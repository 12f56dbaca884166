"""The training curve."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from mimic_drawing import BLUE
from mimic_report.elements import Picture, picture
from mimic_report.values import name

CAPTION = (
    "Training: each panel shows one measure against the number of control steps simulated so far. Axes that "
    "span more than a factor of twenty are logarithmic."
)


def training_curve(file: Path) -> Picture | None:
    """Draw ``curve.csv`` (one row per evaluation); None if it has nothing to draw."""
    columns = read_columns(file)
    along = next((c for c in ("control_steps", "seconds") if c in columns), None)
    first = [c for c in ("tracking_mm", "reward", "loss") if c in columns]
    measures = (first + [c for c in columns if c not in (*first, "control_steps", "seconds")])[:3]
    if along is None or not measures or len(columns[along]) < 2:
        return None
    figure = Figure(figsize=(3.6 * len(measures), 2.9), layout="constrained")
    for ax, measure in zip(np.atleast_1d(figure.subplots(1, len(measures))), measures, strict=True):
        y = columns[measure]
        ax.plot(columns[along], y, color=BLUE, linewidth=1.6, marker="o" if len(y) <= 40 else None, markersize=3)
        seen = y[np.isfinite(y)]
        if seen.size and seen.min() > 0 and seen.max() / seen.min() > 20:
            ax.set_yscale("log")
        elif seen.size and seen.min() >= 0:
            ax.set_ylim(bottom=0)
        if np.ptp(columns[along]) >= 1e5:
            ax.ticklabel_format(axis="x", style="sci", scilimits=(0, 0), useMathText=True)
        ax.set_xlabel(name(along))
        ax.set_title(name(measure), fontsize=10, loc="left")
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    data = io.BytesIO()
    with rc_context({"svg.hashsalt": "mimic"}):  # the same curve is the same picture
        figure.savefig(data, format="svg", metadata={"Date": None})
    return picture(data.getvalue(), "svg+xml", CAPTION)


def read_columns(file: Path) -> dict[str, np.ndarray]:
    """Numeric columns of a csv file by name; what is no number is NaN, and columns without any are left out."""
    with file.open(newline="", encoding="utf-8") as f:
        rows = list(csv.DictReader(f))
    columns = {c: np.array([_number(r[c]) for r in rows]) for c in (rows[0] if rows else {}) if c}
    return {c: v for c, v in columns.items() if np.isfinite(v).any()}


def _number(cell: str | None) -> float:
    try:
        return float(cell or "nan")
    except ValueError:
        return float("nan")
