"""What simplex projection, S-map and cross mapping find."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from mimic_simplex.scores import pearson, spearman
from mimic_statistics import half_width

FEWEST_CLIPS = 6
"""Of an S-map's verdict: with fewer, chance alone puts the whole bootstrap interval above 0 too often."""
FEWEST_SIZES = 4
"""Of a library: with n sizes Kendall's one-sided p is at least 1/n!, so three can never be significant."""
SIGNIFICANT = 0.05


@attrs.frozen(eq=False)
class Forecast:
    """Observed and predicted target at the same instants.

    Attributes:
        row: (prediction,) row of the stack that the forecast is *for*.
        observed, predicted: (prediction,) in units of the target.
    """

    row: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray

    @property
    def rho(self) -> float:
        """Spearman's rank correlation; NaN if either side is constant."""
        return spearman(self.observed, self.predicted)

    @property
    def r(self) -> float:
        """Pearson's correlation; NaN if either side is constant."""
        return pearson(self.observed, self.predicted)


@attrs.frozen(eq=False)
class Peer:
    """How far our forecasts are from pyEDM's.

    Attributes:
        version: of pyEDM.
        compared: number of forecasts compared.
        largest_difference: the largest difference between two of them, in units of the target.
    """

    version: str
    compared: int
    largest_difference: float


@attrs.frozen
class Cell:
    """One combination of E, tau and Tp.

    Attributes:
        rho, r: Spearman's and Pearson's correlation; NaN where undefined.
        predictions: how many instants they are over.
        undefined: why there is no number; empty where there is one.
    """

    E: int
    tau: int
    Tp: int
    rho: float
    r: float
    predictions: int
    undefined: str = ""


@attrs.frozen(eq=False)
class Nonlinearity:
    """What local maps gain over one linear map.

    Attributes:
        rho, r: (theta,) over all predictions together.
        theta: with the highest rho.
        gain: mean over clips of Fisher's z of rho at the theta chosen on the other clips, less that at theta 0.
        low, high: 95 % interval of the gain, bootstrap over clips.
        clips: number of clips.
        apart: rho over all predictions, each clip's at the theta chosen on the other clips; NaN of a single clip.
    """

    rho: np.ndarray
    r: np.ndarray
    theta: float
    gain: float
    low: float
    high: float
    clips: int
    apart: float = float("nan")

    @property
    def verdict(self) -> str:
        """``nonlinear`` if the whole interval lies above 0; ``undecided`` with fewer than `FEWEST_CLIPS` clips."""
        if self.clips < FEWEST_CLIPS:
            return "undecided"
        return "nonlinear" if self.low > 0 else "not shown"


@attrs.frozen(eq=False)
class CrossMap:
    """One variable mapped from the delay vectors of another.

    Attributes:
        library: the variable whose delay vectors are searched.
        mapped: the variable that is read at their neighbours.
        sizes: (size,) library sizes, clips.
        rho: (size, draw) Spearman's rho.
        surrogate: (surrogate,) rho at the largest size with the mapped variable of other clips at the same time.
        drive: (surrogate,) the same with a mapped variable that keeps what a shared drive of its clip may explain.
        partial: (clip,) partial cross mapping given third series; empty without any.
    """

    library: str
    mapped: str
    sizes: tuple[int, ...]
    rho: np.ndarray
    surrogate: np.ndarray
    drive: np.ndarray = attrs.field(factory=lambda: np.full(1, np.nan))
    partial: np.ndarray = attrs.field(factory=lambda: np.zeros(0))

    @property
    def gain(self) -> tuple[float, float, float]:
        """Mean rho at the largest less that at the smallest library, and its 95 % interval (t over draws)."""
        gains = self.rho[-1] - self.rho[0]
        half = half_width(gains)
        return float(gains.mean()), float(gains.mean() - half), float(gains.mean() + half)

    @property
    def trend(self) -> tuple[float, float]:
        """Kendall's tau of mean rho over library size and its p value against no increase."""
        from scipy.stats import kendalltau

        found = kendalltau(self.sizes, self.rho.mean(1), alternative="greater")
        return float(found.statistic), float(found.pvalue)

    @property
    def converges(self) -> bool | None:
        """Rho rises with the library (Kendall's tau above 0, p < 0.05; gain above 0) and ends above 0.

        None where there are too few library sizes to tell.
        """
        if len(self.sizes) < FEWEST_SIZES:
            return None
        tau, p = self.trend
        return bool(tau > 0 and p < SIGNIFICANT and self.gain[1] > 0 and self.rho[-1].mean() > 0)

    @property
    def largest(self) -> float:
        """Mean rho at the largest library."""
        return float(self.rho[-1].mean())

    @property
    def beyond_repetition(self) -> bool:
        """Rho at the largest library is above the 95th percentile of other clips at the same time."""
        return bool(self.largest > np.quantile(self.surrogate, 0.95))

    @property
    def p(self) -> float:
        """P value against a shared drive: (1 + how many surrogates do as well) / (1 + how many there are)."""
        return float((1 + np.sum(~(self.drive < self.largest))) / (1 + len(self.drive)))

    @property
    def given_third(self) -> tuple[float, float, float]:
        """Partial cross mapping, mean over clips, and its 95 % interval (t over clips); NaN without third series."""
        known = self.partial[np.isfinite(self.partial)]
        if not len(known):
            return float("nan"), float("nan"), float("nan")
        mean, half = float(known.mean()), float(half_width(known))
        return mean, mean - half, mean + half


def discoveries(maps: Sequence[CrossMap], rate: float) -> tuple[np.ndarray, list[bool | None]]:
    """q of each mapping, and whether it goes beyond a shared drive.

    q is p after control of the false-discovery rate over all mappings (Benjamini & Hochberg 1995). A mapping goes
    beyond a shared drive if q is at most ``rate``, it converges and goes beyond repetition; None where convergence is
    undecided.
    """
    from scipy.stats import false_discovery_control

    q = false_discovery_control([m.p for m in maps])
    return q, [
        None if m.converges is None else bool(x <= rate and m.converges and m.beyond_repetition)
        for m, x in zip(maps, q, strict=True)
    ]
