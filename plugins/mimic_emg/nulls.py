"""What trivial answers get beside EMG: a constant, a limp body, other muscles, unrelated bumps, the EMG itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mimic_emg.compare import agreement, best_lag, lags, pearson, r2_affine
from mimic_emg.findings import OF_NULLS, Compared, Measures, Nulls, Recorded, finite_mean, mean_of
from mimic_emg.settings import Comparison
from mimic_statistics import mean_and_sem

CONSTANT, LIMP, OTHERS, BUMPS = "best_constant", "limp", "other_muscles", "bumps"
ANOTHER_CLIP, OTHER_TRIALS, CEILING = "another_clip", "mean_of_other_trials", "noise_ceiling"
WORDS = {
    CONSTANT: "best constant",
    LIMP: "limp body",
    OTHERS: "best other muscle",
    BUMPS: "unrelated bumps, p95",
    ANOTHER_CLIP: "another clip",
    OTHER_TRIALS: "mean of other trials",
    CEILING: "noise ceiling",
}
"""What null models are called. The last two are no nulls: they say what the EMG itself allows."""
BUMP_SD_MS = 10.0
"""the narrowest bump; the widest has a quarter of the window"""
FEWEST_TRIALS = 4


def find_nulls(
    every: Mapping[str, Sequence[Compared]], right: str, beside: Recorded, times: np.ndarray, config: Comparison
) -> Nulls:
    """Return the null models of one muscle's EMG.

    Args:
        every: muscle of the body → one for each controller.
        right: the muscle that was recorded.
        beside: its EMG.
        times: (sample,) s.
        config: settings.
    """
    mine = every[right]
    kept = np.all([np.isfinite(c.mean) for c in mine], axis=0)
    recorded = np.where(kept, beside.mean, np.nan)
    others = {m: each for m, each in every.items() if m != right}
    of_mean = {CONSTANT: constant(recorded), LIMP: limp(recorded)}
    if others:
        of_mean[OTHERS] = _best_of([{k: mean_of(each, k) for k in OF_NULLS} for each in others.values()])
    now, at_lag = bumps(times, recorded, mine[0].there, config)
    of_mean[BUMPS] = {"r": _p95(now), "r2_affine": _p95(r2_affine(now)), "r_at_lag": _p95(at_lag)}
    if ceiling := noise_ceiling(beside.trials, config):
        of_mean[CEILING] = ceiling
    errors = {m: mean_of(each, "mae") for m, each in others.items()}
    return Nulls(
        of_mean=of_mean,
        of_trials=_of_trials(every, right, beside) if mine[0].by_trial else {},
        best_other=min(errors, key=errors.get) if errors else "",
        rank={k: _rank(every, right, k) for k in ("mae", "r2_affine")},
        bumps_as_good=float(np.mean(at_lag >= mean_of(mine, "r_at_lag"))),
    )


def constant(recorded: np.ndarray) -> Measures:
    """The one number with the smallest mean absolute error to (…, sample): the median. It explains nothing."""
    return {"mae": _mae(recorded - np.nanmedian(recorded)), "r2_affine": 0.0}


def limp(recorded: np.ndarray) -> Measures:
    """Muscles that are never active."""
    return {"mae": _mae(recorded), "r2_affine": 0.0}


def _mae(difference: np.ndarray) -> float:
    """Mean absolute value of each row, then of all rows."""
    return finite_mean([finite_mean(np.abs(row)) for row in np.atleast_2d(difference)])


def bumps(
    times: np.ndarray, recorded: np.ndarray, there: np.ndarray, config: Comparison
) -> tuple[np.ndarray, np.ndarray]:
    """Return r and, after a search for the best lag, r of Gaussian bumps that know nothing of the movement.

    Centres are drawn evenly over the window, standard deviations evenly on a logarithmic scale from 10 ms to a quarter
    of the window.

    Args:
        times: (sample,) s.
        recorded: (sample,) mean EMG.
        there: (lag, sample) where the simulated signal has a value; a bump is taken to have none elsewhere.
        config: with lags, number and seed.

    Returns:
        two arrays (bump,); NaN where not defined.
    """
    rng, lags_ms = np.random.default_rng(config.seed), lags(config)
    first, last = times[0], times[-1]
    centre = rng.uniform(first, last, config.bumps)[:, None]
    narrow, wide = 1e-3 * BUMP_SD_MS, max(1e-3 * BUMP_SD_MS, (last - first) / 4)
    sd = np.exp(rng.uniform(np.log(narrow), np.log(wide), config.bumps))[:, None]
    at = times + 1e-3 * lags_ms[:, None, None]
    values = np.where(there[:, None], np.exp(-0.5 * ((at - centre) / sd) ** 2), np.nan)
    beside = np.broadcast_to(recorded, values.shape[1:])
    return pearson(values[len(lags_ms) // 2], beside), best_lag(values, beside, lags_ms)[1]


def noise_ceiling(trials: np.ndarray, config: Comparison) -> Measures:
    """What a perfect model gets beside the mean of (trial, sample), since trials are few and noisy.

    Trials are halved at random and the means of both halves compared. Their correlation, corrected for the number of
    trials (Spearman 1910, Brown 1910), is the share of the mean's variance that is no noise, its root the highest r.
    The mean of all trials has a quarter of the variance of the difference of two halves, so half its absolute size.

    Returns:
        measures; empty with fewer than four trials.
    """
    trials = trials[np.isfinite(trials).any(-1)]
    if len(trials) < FEWEST_TRIALS:
        return {}
    rng, found = np.random.default_rng(config.seed), []
    for _ in range(config.halves):
        order = rng.permutation(len(trials))
        a, b = (mean_and_sem(trials[half])[0] for half in np.array_split(order, 2))
        found.append((float(pearson(a, b)), finite_mean(np.abs(a - b))))
    halves_r, difference = (finite_mean(v) for v in zip(*found, strict=True))
    reliability = max(0.0, 2 * halves_r / (1 + halves_r)) if np.isfinite(halves_r) else float("nan")
    return {"mae": difference / 2, "r": float(np.sqrt(reliability)), "r2_affine": reliability}


def _of_trials(every: Mapping[str, Sequence[Compared]], right: str, beside: Recorded) -> dict[str, Measures]:
    mine = every[right]
    out = {CONSTANT: constant(beside.trials), LIMP: limp(beside.trials)}
    others = [[c.by_trial for c in each] for m, each in every.items() if m != right]
    if others:
        out[OTHERS] = _best_of([_over_trials(each) for each in others])
    if mine[0].another_clip:
        out[ANOTHER_CLIP] = _over_trials([c.another_clip for c in mine])
        of_others = agreement(leave_one_out(beside.trials)[None], beside.trials, np.zeros(1))
        del of_others["r_at_lag"]  # EMG has no delay to EMG
        out[OTHER_TRIALS] = _over_trials([of_others])
    return out


def leave_one_out(trials: np.ndarray) -> np.ndarray:
    """(trial, sample) the mean of all other trials; NaN where none has the sample."""
    there = np.isfinite(trials)
    n, total = there.sum(0) - there, np.nansum(trials, 0) - np.nan_to_num(trials)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


def _over_trials(of_controllers: Sequence[Mapping[str, np.ndarray]]) -> Measures:
    kept = [k for k in OF_NULLS if k in of_controllers[0]]
    return {k: finite_mean([finite_mean(by_trial[k]) for by_trial in of_controllers]) for k in kept}


def _best_of(models: Sequence[Measures]) -> Measures:
    """The best of each measure; of the search for a lag, where some fit by chance, the 95th percentile."""
    columns = {k: np.array([m[k] for m in models]) for k in OF_NULLS}
    columns = {k: v[np.isfinite(v)] for k, v in columns.items()}
    best = {"mae": np.min, "r": np.max, "r2_affine": np.max, "r_at_lag": _p95}
    return {k: float(best[k](v)) if v.size else float("nan") for k, v in columns.items()}


def _rank(every: Mapping[str, Sequence[Compared]], right: str, measure: str) -> int:
    sign = 1.0 if measure == "mae" else -1.0
    values = {m: sign * mean_of(each, measure) for m, each in every.items()}
    return 1 + sum(v < values[right] for m, v in values.items() if m != right)


def _p95(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.percentile(finite, 95)) if finite.size else float("nan")
