"""Non-negative matrix factorisation of muscle activity, and what is asked of its result."""

from __future__ import annotations

import warnings

import numpy as np
from scipy.optimize import linear_sum_assignment, nnls
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from mimic_synergies.findings import Synergies
from mimic_synergies.settings import Settings


def vaf(activity: np.ndarray, fitted: np.ndarray) -> float:
    """Uncentred variance accounted for, 1 − Σ(x − x̂)²/Σx² (Torres-Oviedo et al. 2006); NaN without activity."""
    total = float(np.sum(activity**2))
    return 1.0 - float(np.sum((activity - fitted) ** 2)) / total if total > 0 else float("nan")


def factorise(activity: np.ndarray, n: int, settings: Settings) -> Synergies:
    """Factorise activity (instant, muscle) into n synergies; of all starts the best fit is kept."""
    starts = [("nndsvda", 0), *(("random", settings.seed + i) for i in range(settings.restarts))]
    return max((_fit(activity, n, settings, *start) for start in starts), key=lambda s: s.vaf)


def _fit(activity: np.ndarray, n: int, settings: Settings, init: str, seed: int) -> Synergies:
    model = NMF(n, init=init, solver="cd", tol=settings.tolerance, max_iter=settings.iterations, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the variance accounted for says how good a fit is
        courses = model.fit_transform(activity)
    length = np.linalg.norm(model.components_, axis=1)
    weights = model.components_ / np.where(length > 0, length, 1.0)[:, None]
    courses = courses * length
    order = np.argsort(-np.linalg.norm(courses, axis=0), kind="stable")
    weights, courses = weights[order], courses[:, order]
    return Synergies(weights, courses, vaf(activity, courses @ weights))


def held_out_vaf(activity: np.ndarray, weights: np.ndarray) -> float:
    """Variance of other activity (instant, muscle) that fixed synergies account for, with the best courses ≥ 0."""
    courses = np.array([nnls(weights.T, row)[0] for row in activity])
    return vaf(activity, courses @ weights)


def match(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pair synergies (synergy, muscle) of length 1 one to one so that the sum of cosines is largest.

    Returns:
        which of b belongs to each of a, and the cosines of the pairs.
    """
    cosines = a @ b.T
    _, order = linear_sum_assignment(cosines, maximize=True)
    return order, cosines[np.arange(len(a)), order]


def chance(a: np.ndarray, b: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draw,) mean cosine of matched pairs if the weights of every synergy of b belonged to other muscles."""
    return np.array([match(a, rng.permuted(b, axis=1))[1].mean() for _ in range(draws)])
