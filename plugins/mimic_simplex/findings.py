"""What simplex projection, S-map and cross mapping find."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core.records import half_width
from mimic_simplex.scores import pearson, spearman

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
    """

    rho: np.ndarray
    r: np.ndarray
    theta: float
    gain: float
    low: float
    high: float
    clips: int

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
        mapped: the variable that is read at their neighbours; it drives the other, if the mapping converges.
        sizes: (size,) library sizes, clips.
        rho: (size, draw) Spearman's rho.
        surrogate: (surrogate,) rho at the largest size with the mapped variable of other clips at the same time.
    """

    library: str
    mapped: str
    sizes: tuple[int, ...]
    rho: np.ndarray
    surrogate: np.ndarray

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
    def beyond_repetition(self) -> bool:
        """Rho at the largest library is above the 95th percentile of the surrogates."""
        return bool(self.rho[-1].mean() > np.quantile(self.surrogate, 0.95))
