"""What analyses have in common: means with their intervals, courses of many trials, rollouts side by side.

A library that plugins share; it offers no component.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import DataError

if TYPE_CHECKING:
    from mimic_core import Rollouts

LEVEL = 0.95
"""Share of all draws whose confidence interval has the mean in it."""


def half_width(values: Any, axis: int = 0) -> np.ndarray:
    """Return half the width of the 95 % confidence interval of the mean along ``axis``, in the values' unit.

    It is t(0.975, n − 1)·sd/√n with Student's t, for n independent draws; NaN where there is only one. ``axis`` is gone
    from the shape returned.
    """
    from scipy.stats import sem, t

    values = np.asarray(values, float)
    n = values.shape[axis]
    if n < 2:  # scipy warns of it
        return np.full(np.delete(values.shape, axis), np.nan)
    return t.ppf((1 + LEVEL) / 2, n - 1) * sem(values, axis=axis)


@attrs.frozen
class Mean:
    """A mean over seeds, rollouts or the like, with its confidence interval.

    Attributes:
        mean: NaN of no value at all.
        sd: standard deviation of the sample; None of fewer than two values.
        ci95: half the width of the 95 % confidence interval, see `half_width`; None of fewer than two values.
        n: how many values.
    """

    mean: float
    sd: float | None
    ci95: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Mean:
        """Return the mean of values (n,) and its interval."""
        v = np.asarray(values, float)
        mean = float(v.mean()) if len(v) else math.nan
        if len(v) < 2:
            return cls(mean, None, None, len(v))
        return cls(mean, float(v.std(ddof=1)), float(half_width(v)), len(v))


def mean_interval(values: Sequence[float]) -> dict[str, float]:
    """Return ``mean``, and with two values or more ``low`` and ``high``, the ends of `Mean`'s interval.

    NaN entries are left out.
    """
    v = np.asarray(values, float)
    m = Mean.of(v[np.isfinite(v)])
    return {"mean": m.mean} | ({} if m.ci95 is None else {"low": m.mean - m.ci95, "high": m.mean + m.ci95})


def mean_and_sem(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over trials or clips, and its standard error, of each sample.

    Args:
        values: (row, sample), a row for each trial or clip; NaN where missing.

    Returns:
        the means (sample,) and the standard errors (sample,). They are NaN where fewer than half of the rows have the
        sample; a row that has none at all is not counted.
    """
    there = np.isfinite(values)
    n, rows = there.sum(0), there.any(-1).sum()
    with np.errstate(invalid="ignore", divide="ignore"):  # quiet where no row has the sample, unlike scipy.stats.sem
        mean = np.nansum(values, 0) / n
        sd = np.sqrt(np.nansum((values - mean) ** 2, 0) / (n - 1))
    enough = (n > 0) & (2 * n >= rows)
    return np.where(enough, mean, np.nan), np.where(enough & (n > 1), sd / np.sqrt(np.maximum(n, 1)), np.nan)


def mean_course(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return what others do at the same time: (row, sample, …) the mean over the rows ``among`` without the row itself.

    Where no other row lasts so long the last mean goes on; NaN of a row that has no other.

    Args:
        values: (row, sample, …), NaN past a row's end.
        among: (row,) True where a row is averaged.
    """
    known = np.isfinite(values) & among.reshape(-1, *[1] * (values.ndim - 1))
    own, n = np.where(known, values, 0.0), known.sum(0) - known
    mean = np.divide(own.sum(0) - own, n, out=np.full(values.shape, np.nan), where=n > 0)
    step = np.arange(values.shape[1]).reshape(1, -1, *[1] * (values.ndim - 2))
    return np.take_along_axis(mean, np.maximum.accumulate(np.where(n > 0, step, 0), axis=1), axis=1)


def labels(rollouts: Sequence[Rollouts]) -> tuple[str, ...]:
    """Return a short name for each: its seed where these tell them apart, else its number."""
    seeds = [r.training.plan.seed if r.training else None for r in rollouts]
    if None in seeds or len(set(seeds)) < len(seeds):
        return tuple(f"rollouts {i}" for i in range(1, len(rollouts) + 1))
    return tuple(f"seed {s}" for s in seeds)


def check_same(rollouts: Sequence[Rollouts], field: str) -> None:
    """Refuse rollouts that differ in ``field``, e.g. ``muscle_names``.

    Raises:
        DataError: they differ.
    """
    first, name = getattr(rollouts[0], field), field.replace("_", " ")
    for i, r in enumerate(rollouts[1:], 2):
        found = getattr(r, field)
        if found != first:
            raise DataError(
                f"rollouts {i}: its {name} are {_listed(found)}, those of the first are {_listed(first)}; "
                "compare rollouts of one body and one rate"
            )


def _listed(v: object) -> str:
    return ", ".join(v) if isinstance(v, tuple) else f"{v:g}" if isinstance(v, float) else str(v)
