"""Means over seeds, animals or draws, with their confidence intervals."""

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
