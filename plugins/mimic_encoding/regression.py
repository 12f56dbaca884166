"""Cross-validated regressions of neurons on sources: ridge for signals, Poisson for counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np


@attrs.frozen(eq=False)
class Rows:
    """Bins of all trials in a row.

    Attributes:
        neural: (row, neuron).
        trial: (row,) index of the trial.
        time: (row,) index of the bin within the trial.
        counts: neurons are spike counts.
    """

    neural: np.ndarray
    trial: np.ndarray
    time: np.ndarray
    counts: bool

    def folds(self, n: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows to train on and rows to test, each fold's trials apart from the others'."""
        return list(_folds(self.trial, n, seed))


def _folds(trial: np.ndarray, n: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    from sklearn.model_selection import GroupKFold

    split = GroupKFold(min(n, len(np.unique(trial))), shuffle=True, random_state=seed)
    yield from split.split(trial, groups=trial)


def predictions(x: np.ndarray, rows: Rows, folds: list, alphas: tuple[float, ...], components: int) -> np.ndarray:
    """Return (row, neuron): what a source says of trials that were not used to learn how.

    Columns are standardised and reduced to principal components on the training trials of each fold; the penalty is
    chosen for each neuron among ``alphas`` by three folds inside of the training trials. A penalty is per sample: that
    of ridge is α times the number of rows.

    Args:
        x: (row, column) of the source.
        rows: the neurons.
        folds: of `Rows.folds`.
        alphas, components: see `mimic_encoding.settings.Settings`.
    """
    out = np.full(rows.neural.shape, np.nan)
    for train, test in folds:
        features, unseen = _features(x, train, test, components)
        y = rows.neural[train]
        chosen = np.zeros(y.shape[1], int)
        if len(alphas) > 1:
            inner = list(_folds(rows.trial[train], 3, 0))
            score = [
                sum(
                    _loss(y[b], _fit_predict(features[a], y[a], features[b], alpha, rows.counts), rows.counts)
                    for a, b in inner
                )
                for alpha in alphas
            ]
            chosen = np.argmin(score, axis=0)
        for i in np.unique(chosen):
            of = chosen == i
            out[np.ix_(test, of)] = _fit_predict(features, y[:, of], unseen, alphas[i], rows.counts)
    return out


def _features(x: np.ndarray, train: np.ndarray, test: np.ndarray, components: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    size = np.abs(x[train]).max(initial=0.0)
    if np.ptp(x[train], axis=0).max(initial=0.0) <= 1e-12 * max(size, 1e-300):
        return np.zeros((len(train), 1)), np.zeros((len(test), 1))
    steps: list[Any] = [VarianceThreshold(), StandardScaler()]
    if x.shape[1] > components:
        steps.append(PCA(min(components, len(train) - 1), svd_solver="full"))
        steps.append(StandardScaler(with_std=False))
    made = make_pipeline(*steps).fit(x[train])
    return made.transform(x[train]), made.transform(x[test])


def _fit_predict(x: np.ndarray, y: np.ndarray, unseen: np.ndarray, alpha: float, counts: bool) -> np.ndarray:
    """(row, neuron) predicted from ``unseen``."""
    from sklearn.linear_model import PoissonRegressor, Ridge

    if not counts:
        return Ridge(alpha * len(x)).fit(x, y).predict(unseen).reshape(len(unseen), y.shape[1])
    out = np.empty((len(unseen), y.shape[1]))
    low, high = x.min(axis=0), x.max(axis=0)
    held = np.clip(unseen, low, high)  # beyond what was seen an exponential runs away
    for k in range(y.shape[1]):
        if not y[:, k].any():
            out[:, k] = 0.5 / len(y)
            continue
        made = PoissonRegressor(alpha=alpha, solver="newton-cholesky").fit(x, y[:, k])
        out[:, k] = made.predict(held)
    return out


def deviance(y: np.ndarray, predicted: np.ndarray, counts: bool) -> np.ndarray:
    """(row, neuron) deviance: squared error, or that of a Poisson variable."""
    if not counts:
        return (y - predicted) ** 2
    from scipy.special import xlogy

    mean = np.maximum(predicted, 1e-9)
    return 2 * (xlogy(y, y / mean) - y + mean)


def _loss(y: np.ndarray, predicted: np.ndarray, counts: bool) -> np.ndarray:
    return deviance(y, predicted, counts).sum(axis=0)


def constant(rows: Rows, folds: list) -> np.ndarray:
    """Return (row, neuron): the mean of the training trials."""
    out = np.full(rows.neural.shape, np.nan)
    for train, test in folds:
        out[test] = rows.neural[train].mean(axis=0)
    return out


def mean_course(rows: Rows, folds: list) -> np.ndarray:
    """Return (row, neuron): the mean of the training trials at the same time, which no trial's own movement enters."""
    out = np.full(rows.neural.shape, np.nan)
    for train, test in folds:
        whole = rows.neural[train].mean(axis=0)
        for t in np.unique(rows.time[test]):
            at = train[rows.time[train] == t]
            # half a row of the whole mean keeps a silent bin from saying never
            mean = (rows.neural[at].sum(axis=0) + 0.5 * whole) / (len(at) + 0.5)
            out[test[rows.time[test] == t]] = mean
    return out


def explained(rows: Rows, predicted: np.ndarray, folds: list) -> np.ndarray:
    """Return (neuron,) share of the deviance explained on unseen trials, 0 for the training trials' mean.

    For signals this is R² about that mean; for counts D², McFadden's pseudo-R² with the saturated model as its best
    (Cameron & Windmeijer 1997, doi:10.1016/S0304-4076(96)01818-0). Negative is worse than the mean.
    """
    base = _loss(rows.neural, constant(rows, folds), rows.counts)
    return 1.0 - _loss(rows.neural, predicted, rows.counts) / np.maximum(base, 1e-300)
