"""Everything that the analysis finds: scores of all sources, their null models, pairs, and similarity."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs
import numpy as np

from mimic_encoding.neural import COUNTS, Neural
from mimic_encoding.regression import Rows, constant, deviance, explained, mean_course, predictions
from mimic_encoding.settings import Settings
from mimic_encoding.similarity import Similarity, similarity

TIME, TRIAL, COURSE = "time shuffled", "trials shuffled", "mean course"
RESAMPLED = 2000


@attrs.frozen(eq=False)
class Found:
    """What the analysis finds.

    Attributes:
        neurons: names of those that were compared; ``silent`` those left out.
        trials: names of the trials; ``apart`` trials that have no clip.
        rows: how many bins.
        score: source → (neuron,) share of the deviance explained on unseen trials.
        nulls: source → null model → (neuron,) the same of the source with time or trials shuffled.
        course: (neuron,) the same of the mean course over training trials.
        over_trials: source → (low, high) 95 % interval of the mean score, trials drawn anew (bootstrap).
        better: (first, second) → mean difference of their scores, its 95 % interval over trials, and how many neurons
            the first predicts better.
        alike: representational similarity; None with too few trials.
    """

    neurons: tuple[str, ...]
    silent: tuple[str, ...]
    trials: tuple[str, ...]
    apart: tuple[str, ...]
    rows: int
    counts: bool
    score: Mapping[str, np.ndarray]
    nulls: Mapping[str, Mapping[str, np.ndarray]]
    course: np.ndarray
    over_trials: Mapping[str, tuple[float, float]]
    better: Mapping[tuple[str, str], tuple[float, float, float, int]]
    alike: Similarity | None

    @property
    def ranked(self) -> list[str]:
        """Sources from the best to the worst, by their mean score."""
        return sorted(self.score, key=lambda name: -float(self.score[name].mean()))


def find(
    neural: Neural,
    of_trials: Mapping[str, np.ndarray],
    names: tuple[str, ...],
    apart: tuple[str, ...],
    settings: Settings,
    told: Callable[[float], None] = lambda done: None,
) -> Found:
    """Compare sources.

    Args:
        neural: the recording.
        of_trials: source → (trial, bin, column) at the bins of the trials ``names``.
        names: of the trials that have a clip, in the order of the sources' first axis.
        apart: trials without one.
        settings: of the analysis.
        told: is called with the share of the work that is done.
    """
    values = neural.values[[neural.trial_names.index(n) for n in names]]
    counts = neural.kind_of_value == COUNTS if settings.distribution == "auto" else settings.distribution == "poisson"
    active = np.isfinite(values).any(axis=(0, 1))
    if counts:
        active &= np.nansum(values, axis=(0, 1)) >= settings.least_events
    else:
        active &= np.nanstd(np.where(active, values, 0.0), axis=(0, 1)) > 0
    values = values[..., active]
    known = np.isfinite(values).all(axis=-1)
    for x in of_trials.values():
        known &= np.isfinite(x).all(axis=-1)
    trial, bin_ = np.nonzero(known)
    rows = Rows(values[known], trial, bin_, counts)
    folds = rows.folds(settings.folds, settings.seed)
    rng = np.random.default_rng(settings.seed)
    loss, score, nulls = {}, {}, {}
    base = loss_by_trial(rows, constant(rows, folds))
    steps, done = len(of_trials) * (1 + 2 * settings.draws), 0

    def predicted(x: np.ndarray) -> np.ndarray:
        nonlocal done
        found = predictions(x, rows, folds, settings.alphas, settings.components)
        done += 1
        told(done / steps)
        return found

    draws = [(shifts(rng, rows), partners(rng, rows)) for _ in range(settings.draws)]
    for name, x in of_trials.items():
        found = predicted(x[known])
        score[name], loss[name] = explained(rows, found, folds), loss_by_trial(rows, found)
        by_draw = [[explained(rows, predicted(x[known][at]), folds) for at in pair] for pair in draws]
        nulls[name] = dict(zip((TIME, TRIAL), np.mean(by_draw, axis=0), strict=True))
    drawn = rng.integers(0, len(base), (RESAMPLED, len(base)))
    boot = {
        n: (1 - v[drawn].sum(axis=1) / np.maximum(base[drawn].sum(axis=1), 1e-300)).mean(1) for n, v in loss.items()
    }
    return Found(
        neurons=tuple(np.array(neural.neuron_names, object)[active]),
        silent=tuple(np.array(neural.neuron_names, object)[~active]),
        trials=names,
        apart=apart,
        rows=len(rows.neural),
        counts=counts,
        score=score,
        nulls=nulls,
        course=explained(rows, mean_course(rows, folds), folds),
        over_trials={n: interval(b) for n, b in boot.items()},
        better={
            (a, b): (
                float((score[a] - score[b]).mean()),
                *interval(boot[a] - boot[b]),
                int((score[a] > score[b]).sum()),
            )
            for a in score
            for b in score
            if a != b
        },
        alike=similarity(values, dict(of_trials), settings.seed),
    )


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile."""
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def loss_by_trial(rows: Rows, predicted: np.ndarray) -> np.ndarray:
    """Return (trial, neuron) deviance."""
    out = np.zeros((int(rows.trial.max()) + 1, predicted.shape[1]))
    np.add.at(out, rows.trial, deviance(rows.neural, predicted, rows.counts))
    return out


def shifts(rng: np.random.Generator, rows: Rows) -> np.ndarray:
    """Return which row stands in for each: every trial turned round in time, by a number of bins of its own."""
    out = np.arange(len(rows.trial))
    for t in np.unique(rows.trial):
        at = np.flatnonzero(rows.trial == t)
        n = len(at)
        low = max(1, n // 4)
        out[at] = np.roll(at, int(rng.integers(low, max(n - low, low) + 1))) if n > 1 else at
    return out


def partners(rng: np.random.Generator, rows: Rows) -> np.ndarray:
    """Return which row stands in for each: the same bin of another trial, or that trial's last where it is shorter."""
    trials = np.unique(rows.trial)
    order = rng.permutation(trials)
    other = dict(zip(order, np.roll(order, 1), strict=True))
    out = np.empty(len(rows.trial), int)
    for t in trials:
        at = np.flatnonzero(rows.trial == t)
        of = np.flatnonzero(rows.trial == other[t])
        out[at] = of[np.minimum(np.searchsorted(rows.time[of], rows.time[at]), len(of) - 1)]
    return out
