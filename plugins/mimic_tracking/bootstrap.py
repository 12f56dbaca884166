"""The hierarchical bootstrap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from mimic_statistics import LEVEL


def bootstrap_interval(
    values: np.ndarray, groups: Sequence[Any], weights: np.ndarray | None = None, draws: int = 4000, seed: int = 0
) -> tuple[float, float]:
    """Return the ends of the 95 % confidence interval of the mean of trials, by the hierarchical bootstrap.

    Groups (animals) are drawn first and trials of each then, with replacement (Saravanan et al. 2020); of one group
    only the trials. Percentiles are widened for the few that are drawn first (Hesterberg 2015,
    doi:10.1080/00031305.2015.1089789). NaN of fewer than two trials.

    Args:
        values: (trial,) in the unit of the interval.
        groups: of each trial.
        weights: of each trial in the mean; None: all alike.
    """
    from scipy.stats import norm, t

    weights, rng = np.ones(len(values)) if weights is None else weights, np.random.default_rng(seed)
    rows = [[i for i, g in enumerate(groups) if g == group] for group in dict.fromkeys(groups)]
    n = len(rows) if len(rows) > 1 else len(values)
    if n < 2:
        return math.nan, math.nan
    total, weight = np.zeros(draws), np.zeros(draws)
    for slot in rng.integers(len(rows), size=(len(rows), draws)):
        for group, of_group in enumerate(map(np.array, rows)):
            at = np.flatnonzero(slot == group)
            drawn = of_group[rng.integers(len(of_group), size=(len(at), len(of_group)))]
            total[at] += (weights * values)[drawn].sum(1)
            weight[at] += weights[drawn].sum(1)
    tail = norm.cdf(math.sqrt(n / (n - 1)) * t.ppf((1 - LEVEL) / 2, n - 1))
    low, high = np.quantile(total / weight, (tail, 1 - tail))
    return float(low), float(high)
