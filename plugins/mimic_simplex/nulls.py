"""Null models of a forecast: what simpler answers reach on the same instants of the same clips.

Every null model forecasts what simplex projection forecasts, Tp samples ahead, and knows of the library what it knows:
where a clip is predicted from all others, no null model sees that clip.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from mimic_simplex.controls import shuffled, surrogate
from mimic_simplex.findings import Forecast
from mimic_simplex.neighbours import Cloud, Neighbours, Stack
from mimic_simplex.scores import spearman
from mimic_statistics import half_width

PERSISTENCE, MEAN_COURSE, LINEAR, OWN_PAST = "persistence", "mean course", "linear map", "own past"
OTHER_TRIAL, SHUFFLED = "other trial", "shuffled"
NULLS = {
    PERSISTENCE: "the target's last value, kept",
    MEAN_COURSE: "mean of the library clips at the same time since the start",
    LINEAR: "least squares on the same delay vectors",
    OWN_PAST: "least squares on the target's own past at the same delays (autoregression)",
    OTHER_TRIAL: "the same projection from another trial's predictors at the same time",
    SHUFFLED: "the same projection with the library's targets in random order",
}
"""Null model → what it is."""


@attrs.frozen
class Beside:
    """A null model beside the forecast of one target.

    Attributes:
        rho, r: Spearman's and Pearson's correlation of the null model; mean over its repeats.
        rho_sd, r_sd: standard deviation over repeats, 0 of a null model that has no chance in it.
        more: rho of the forecast less that of the null model.
        low, high: 95 % interval of ``more`` over predicted trials (jackknife); NaN of a single one.
    """

    rho: float
    r: float
    rho_sd: float
    r_sd: float
    more: float
    low: float
    high: float


def persistence(stack: Stack, found: Neighbours) -> np.ndarray:
    """(forecast, target) the last value, which lies Tp samples before the one to forecast."""
    return stack.targets[found.row]


def mean_course(stack: Stack, found: Neighbours) -> np.ndarray:
    """(forecast, target) mean of the library clips at the instant to forecast; NaN where no other clip has it."""
    at, known = found.row + found.Tp, np.flatnonzero(stack.library)
    total = np.zeros((stack.sample.max() + 1, stack.targets.shape[1]))
    count = np.zeros(len(total))
    np.add.at(total, stack.sample[known], stack.targets[known])
    np.add.at(count, stack.sample[known], 1)
    own = stack.library[at]
    n = count[stack.sample[at]] - own
    with np.errstate(invalid="ignore", divide="ignore"):
        return (total[stack.sample[at]] - np.where(own[:, None], stack.targets[at], 0.0)) / n[:, None]


def linear_map(cloud: Cloud, found: Neighbours) -> np.ndarray:
    """(forecast, target) by one linear map with an intercept, fitted by least squares to the library's delay vectors.

    Where clips are predicted from all others, each has a map of its own, fitted without it.
    """
    stack, tp = cloud.stack, found.Tp
    known = np.flatnonzero(stack.library[cloud.row] & (stack.left[cloud.row] >= tp))
    design, of = np.column_stack([np.ones(len(cloud.row)), cloud.vector]), np.searchsorted(cloud.row, found.row)
    clip, ahead = stack.clip[cloud.row[known]], stack.targets[cloud.row[known] + tp]
    left_out = np.where(stack.library[found.row], stack.clip[found.row], -1)
    out = np.empty((len(found.row), stack.targets.shape[1]))
    for c in np.unique(left_out):
        used = clip != c
        out[left_out == c] = (
            design[of[left_out == c]] @ np.linalg.lstsq(design[known[used]], ahead[used], rcond=None)[0]
        )
    return out


def own_past(cloud: Cloud, found: Neighbours) -> np.ndarray:
    """(forecast, target) by a linear map of each target's own past at the delays of the embedding."""
    targets = cloud.stack.targets.T[:, :, None]
    alone = [Cloud(attrs.evolve(cloud.stack, predictors=y, targets=y), cloud.E, cloud.tau) for y in targets]
    return np.concatenate([linear_map(one, found) for one in alone], axis=1)


def plain_forecasts(cloud: Cloud, found: Neighbours) -> dict[str, np.ndarray]:
    """Null models without chance → (forecast, target)."""
    return {
        PERSISTENCE: persistence(cloud.stack, found),
        MEAN_COURSE: mean_course(cloud.stack, found),
        LINEAR: linear_map(cloud, found),
        OWN_PAST: own_past(cloud, found),
    }


def null_forecasts(
    cloud: Cloud, found: Neighbours, rng: np.random.Generator, shuffles: int, surrogates: int
) -> dict[str, list[list[Forecast]]]:
    """Null model → its repeats → forecasts of each target.

    Another trial's predictors need two predicted clips; with one, that null model has no repeat.
    """
    stack, k = cloud.stack, found.near.shape[1]

    def of(predicted: np.ndarray, row: np.ndarray) -> list[Forecast]:
        at = row + found.Tp
        known = np.isfinite(predicted).all(1)
        return [Forecast(at[known], stack.targets[at[known], i], p[known]) for i, p in enumerate(predicted.T)]

    def other() -> list[Forecast]:
        near = surrogate(cloud, found.Tp, k, rng)
        return of(near.forecast(stack.targets), near.row)

    several = len(np.unique(stack.clip[found.row])) > 1
    return {
        **{name: [of(predicted, found.row)] for name, predicted in plain_forecasts(cloud, found).items()},
        SHUFFLED: [of(found.forecast(shuffled(stack, rng)), found.row) for _ in range(shuffles)],
        OTHER_TRIAL: [other() for _ in range(surrogates if several else 0)],
    }


def without_each(forecast: Forecast, clip: np.ndarray, clips: np.ndarray) -> np.ndarray:
    """(clip,) rho without each clip in turn; ``clip`` (row,) is the clip of each row of the stack."""
    of = clip[forecast.row]
    return np.array([spearman(forecast.observed[of != c], forecast.predicted[of != c]) for c in clips])


def beside(
    forecast: Forecast, null: list[Forecast], clip: np.ndarray, clips: np.ndarray, own: np.ndarray | None = None
) -> Beside:
    """Put the repeats of a null model beside a forecast.

    Args:
        clip: (row,) clip of each row of the stack.
        clips: the predicted clips, over which the interval is.
        own: (clip,) `without_each` of the forecast, where it is known already.
    """
    nan = float("nan")
    if not null:
        return Beside(nan, nan, nan, nan, nan, nan, nan)
    rho, r = np.array([f.rho for f in null]), np.array([f.r for f in null])
    more, low, high = float(forecast.rho - rho.mean()), nan, nan
    n = len(clips)
    if n > 1:
        own = without_each(forecast, clip, clips) if own is None else own
        without = own - np.mean([without_each(f, clip, clips) for f in null], axis=0)
        half = float(half_width(n * more - (n - 1) * without))  # of the jackknife's pseudo-values (Tukey 1958)
        low, high = more - half, more + half
    return Beside(float(rho.mean()), float(r.mean()), float(rho.std()), float(r.std()), more, low, high)


def all_beside(
    forecasts: Mapping[str, Forecast], nulls: Mapping[str, list[list[Forecast]]], stack: Stack
) -> dict[str, dict[str, Beside]]:
    """Null model → target → how it stands beside the forecast of the target."""
    clips = np.unique(stack.clip[next(iter(forecasts.values())).row])
    own = {m: without_each(f, stack.clip, clips) for m, f in forecasts.items()}
    return {
        name: {
            m: beside(f, [repeat[i] for repeat in repeats], stack.clip, clips, own[m])
            for i, (m, f) in enumerate(forecasts.items())
        }
        for name, repeats in ((name, nulls[name]) for name in NULLS if name in nulls)
    }


def counts(beside_all: Mapping[str, Mapping[str, Beside]]) -> dict[str, dict[str, int]]:
    """Null model → over how many targets the forecast is ``above`` it, ``clearly`` so, and ``of`` how many.

    ``clearly`` means that the whole interval over trials lies above 0.
    """
    return {
        name: {
            "above": sum(b.more > 0 for b in of.values()),
            "clearly": sum(b.low > 0 for b in of.values()),
            "of": sum(np.isfinite(b.more) for b in of.values()),
        }
        for name, of in beside_all.items()
    }


def means(beside_all: Mapping[str, Mapping[str, Beside]]) -> dict[str, float | None]:
    """Null model → mean rho over the targets that have one; None where none has."""
    found = {name: [b.rho for b in of.values() if np.isfinite(b.rho)] for name, of in beside_all.items()}
    return {name: float(np.mean(rho)) if rho else None for name, rho in found.items()}


def counted(beside_all: Mapping[str, Mapping[str, Beside]]) -> str:
    """Words: over how many targets a forecast is above each null model."""
    return ", ".join(
        f"{name} in {n['above']} of {n['of']} ({n['clearly']} clearly)"
        for name, n in counts(beside_all).items()
        if n["of"]
    )
