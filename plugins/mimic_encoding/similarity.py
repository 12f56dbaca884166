"""Representational similarity: are the instants that look alike to the neurons those that look alike to a source?"""

from __future__ import annotations

import attrs
import numpy as np

HALVES = 20
"""How often trials are divided into two halves."""


@attrs.frozen(eq=False)
class Similarity:
    """How alike the geometry of a source and of the neurons is.

    Attributes:
        rho: source → Spearman's ρ of the distances between all pairs of instants.
        shifted: source → 95th percentile of the same with the source shifted in time, all shifts.
        low, high: noise ceiling (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553): the mean ρ of half of the trials
            with the other half, and with all of them.
    """

    rho: dict[str, float]
    shifted: dict[str, float]
    low: float
    high: float


def distances(x: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances (pair,) of rows (instant, column), columns standardised."""
    from scipy.spatial.distance import pdist

    sd = x.std(axis=0)
    return pdist((x - x.mean(axis=0))[:, sd > 1e-12 * max(sd.max(initial=0.0), 1e-300)] / sd[sd > 1e-12 * sd.max()])


def similarity(neural: np.ndarray, sources: dict[str, np.ndarray], seed: int) -> Similarity | None:
    """Compare the mean over trials of (trial, bin, neuron) with that of each source (trial, bin, column).

    Bins that not every trial has are left out. None where there are fewer than four trials or six bins.
    """
    whole = np.isfinite(neural).all(axis=(0, 2))
    for x in sources.values():
        whole &= np.isfinite(x).all(axis=(0, 2))
    trials, bins = len(neural), int(whole.sum())
    if trials < 4 or bins < 6:
        return None
    rng = np.random.default_rng(seed)
    y = neural[:, whole]
    all_of = distances(y.mean(axis=0))
    low, high = [], []
    for _ in range(HALVES):
        order = rng.permutation(trials)
        a, b = (distances(y[half].mean(axis=0)) for half in (order[: trials // 2], order[trials // 2 :]))
        low.append(_rho(a, b))
        high += [_rho(a, all_of), _rho(b, all_of)]
    rho, shifted = {}, {}
    for name, x in sources.items():
        mean = x[:, whole].mean(axis=0)
        rho[name] = _rho(all_of, distances(mean))
        by_shift = [_rho(all_of, distances(np.roll(mean, k, axis=0))) for k in range(1, bins)]
        shifted[name] = float(np.percentile(by_shift, 95))
    return Similarity(rho, shifted, float(np.mean(low)), float(np.mean(high)))


def _rho(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.stats import spearmanr

    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(spearmanr(a, b).statistic)
