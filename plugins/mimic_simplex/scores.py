"""How well a forecast agrees with what was observed."""

from __future__ import annotations

import numpy as np


def pearson(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Pearson's correlation; NaN if either side is constant or has fewer than two values."""
    if len(observed) < 2 or np.ptp(observed) == 0 or np.ptp(predicted) == 0:
        return float("nan")
    return float(np.corrcoef(observed, predicted)[0, 1])


def spearman(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Spearman's rank correlation; NaN as for `pearson`."""
    from scipy.stats import rankdata

    return pearson(rankdata(observed), rankdata(predicted))
