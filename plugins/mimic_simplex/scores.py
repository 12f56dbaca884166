"""How well a forecast agrees with what was observed."""

from __future__ import annotations

import numpy as np


def pearson(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Pearson's correlation; NaN if either side is constant or has fewer than two values."""
    from scipy.stats import pearsonr

    return float(pearsonr(observed, predicted).statistic) if _vary(observed, predicted) else float("nan")


def spearman(observed: np.ndarray, predicted: np.ndarray) -> float:
    """Spearman's rank correlation; NaN as for `pearson`."""
    from scipy.stats import rankdata

    if not _vary(observed, predicted):
        return float("nan")
    return float(np.corrcoef(rankdata(observed), rankdata(predicted))[0, 1])


def _vary(*sides: np.ndarray) -> bool:
    return all(len(side) > 1 and np.ptp(side) > 0 for side in sides)
