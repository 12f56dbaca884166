"""What trivial answers get by the metrics of a sweep, and how far a line bends by chance."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from mimic_frontier.findings import Point
from mimic_frontier.knee import bends_of
from mimic_statistics import Mean

DRAWS = 2000
_WITH_NULL = re.compile(r"\.nulls\.([^.]+)")
_LIMP = {"train.tracking_mm": "train.passive_mm"}
"""metric → that of a limp body, which trainings tell under a name of its own"""


def null_columns(known: Sequence[str], metric: str) -> dict[str, str]:
    """Null model → its column of the sweep's ``results.csv``, for one metric.

    An analysis that tells ``NAME.a.b`` and its null models as ``NAME.a.nulls.MODEL.b`` (or ``NAME.nulls.MODEL.a.b``) is
    understood.
    """
    found = {m[1]: c for c in known if (m := _WITH_NULL.search(c)) and _WITH_NULL.sub("", c) == metric}
    if _LIMP.get(metric) in known:
        found["limp"] = _LIMP[metric]
    return {name.replace("_", " "): column for name, column in found.items()}


def null_levels(sweep: Any, metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """Metric → null model → mean over all trainings of the sweep; metrics without null models are left out."""
    known = list(dict.fromkeys(name for row in sweep.rows for name in row.metrics))
    out = {}
    for metric in metrics:
        columns = null_columns(known, metric)
        values = {n: [row.metrics[c] for row in sweep.rows if c in row.metrics] for n, c in columns.items()}
        means = {n: float(np.mean(finite)) for n, v in values.items() if (finite := [x for x in v if math.isfinite(x)])}
        if means:
            out[metric] = means
    return out


def bend_by_chance(line: Sequence[Point], reward: str, high_frequency: str, seed: int = 0) -> float:
    """95th percentile of the largest bend of a line whose exchange is even, and whose seeds scatter as these do.

    Every inner point's mean bend is drawn about 0 with the standard error that its seeds show; the knee is the
    largest of them, so the largest is what is looked at. NaN where no point has two seeds.
    """
    errors = []
    for bends in bends_of(line, reward, high_frequency)[1:-1]:
        m = Mean.of(bends)
        errors.append(m.sd / math.sqrt(m.n) if m.sd is not None else float("nan"))
    known = np.array([e for e in errors if math.isfinite(e)])
    if not known.size:
        return float("nan")
    drawn = np.random.default_rng(seed).standard_normal((DRAWS, len(known))) * known
    return float(np.percentile(drawn.max(axis=1), 95))
