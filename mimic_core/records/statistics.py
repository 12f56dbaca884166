"""Statistics used throughout: summaries of errors, and means with their confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

LEVEL = 0.95


def half_width(values: Any, axis: int = 0) -> np.ndarray:
    """Half the width of the 95 % confidence interval of the mean along ``axis``: t(0.975, n − 1)·sd/√n (Student's t).

    It holds for independent draws. NaN where there is only one.
    """
    from scipy.stats import t

    values = np.asarray(values, float)
    n = values.shape[axis]
    if n < 2:
        return np.full(np.delete(values.shape, axis), np.nan)
    return t.ppf((1 + LEVEL) / 2, n - 1) * values.std(axis=axis, ddof=1) / math.sqrt(n)


@attrs.frozen
class Mean:
    """Mean over seeds with its confidence interval.

    Attributes:
        sd: standard deviation of the sample; None for a single value.
        ci95: half the width of the 95 % confidence interval; None for a single value.
        n: how many values.
    """

    mean: float
    sd: float | None
    ci95: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """The mean of values and its interval, see `half_width`."""
        n = len(values)
        if n < 2:
            return cls(float(np.mean(values)), None, None, n)
        return cls(float(np.mean(values)), float(np.std(values, ddof=1)), float(half_width(values)), n)


def mean_interval(values: Sequence[float]) -> dict[str, float]:
    """Return ``mean``, and with two values or more ``low`` and ``high``: the 95 % confidence interval (Student's t).

    NaN entries are left out.
    """
    v = np.asarray(values, float)
    v = v[np.isfinite(v)]
    if not v.size:
        return {"mean": float("nan")}
    if len(v) < 2:
        return {"mean": float(v[0])}
    mean, half = float(v.mean()), float(half_width(v))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def mean_and_sem(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean over trials or clips and its standard error.

    Args:
        values: (row, sample), NaN where missing.

    Returns:
        two of (sample,); NaN where fewer than half of the rows have a sample. Rows without any do not count.
    """
    there = np.isfinite(values)
    n, rows = there.sum(0), there.any(-1).sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.nansum(values, 0) / n
        sd = np.sqrt(np.nansum((values - mean) ** 2, 0) / (n - 1))
    enough = (n > 0) & (2 * n >= rows)
    return np.where(enough, mean, np.nan), np.where(enough & (n > 1), sd / np.sqrt(np.maximum(n, 1)), np.nan)


def error_summary(error_mm: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Summarise errors (…, keypoint) in mm.

    Missing (NaN) entries are left out. What has no entry left, a keypoint or the whole array, is None: JSON has no NaN.
    """
    return {
        **spread(error_mm),
        "per_keypoint": {n: spread(error_mm[..., i])["mean"] for i, n in enumerate(names)},
    }


def spread(errors: np.ndarray) -> dict[str, float | None]:
    """Return ``mean``, ``median``, ``p95`` (95th percentile) and ``max`` of what is finite; None where nothing is."""
    e = errors[np.isfinite(errors)]
    if not e.size:
        return dict.fromkeys(("mean", "median", "p95", "max"))
    return {
        "mean": float(e.mean()),
        "median": float(np.median(e)),
        "p95": float(np.percentile(e, 95)),
        "max": float(e.max()),
    }
