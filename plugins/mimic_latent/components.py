"""Principal components of what a network holds."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np
from sklearn.decomposition import PCA

from mimic_core import Rollouts

INTENTION = "intention"


def layers_of(rollouts: Rollouts) -> dict[str, np.ndarray]:
    """Every layer, (clip, step, unit), in the order in which the network computes them; the intention is its mean."""
    found = dict(rollouts.layers)
    intention = rollouts.intention_mean
    before = {k: v for k, v in found.items() if k.startswith("encoder")}
    after = {k: v for k, v in found.items() if k not in before}
    return {**before, **({} if intention is None else {INTENTION: intention}), **after}


def rows(values: np.ndarray, n_steps: np.ndarray) -> list[np.ndarray]:
    """One array (instant, unit) per clip; the entry at the clip's start has no value and is left out."""
    return [v[1:n].astype(float) for v, n in zip(values, n_steps, strict=True)]


@attrs.frozen(eq=False)
class Components:
    """Principal components of one layer, pooled over clips and time.

    Attributes:
        variance: (component,) variance along each, largest first.
        pca: the fit, to project with; None for a layer that never changes.
    """

    variance: np.ndarray
    pca: PCA | None

    @property
    def share(self) -> np.ndarray:
        """(component,) share of the variance; NaN for a layer that never changes."""
        total = self.variance.sum()
        return self.variance / total if total > 0 else np.full_like(self.variance, np.nan)

    @property
    def participation_ratio(self) -> float:
        """(Σλ)²/Σλ²: 1 for a line, n for n equal variances."""
        square = (self.variance**2).sum()
        return float(self.variance.sum() ** 2 / square) if square > 0 else float("nan")

    def needed(self, share: float) -> float:
        """How many components hold this share of the variance; NaN for a layer that never changes."""
        if self.pca is None:
            return float("nan")
        # rounding must not ask for one more than there are
        return float(min(np.searchsorted(np.cumsum(self.share), share - 1e-9) + 1, len(self.variance)))


def components(clips: list[np.ndarray]) -> Components:
    """Fit the principal components of the pooled rows; units are centred and not scaled."""
    pooled = np.concatenate(clips)
    if not np.ptp(pooled, axis=0).any():
        return Components(np.zeros(min(pooled.shape)), None)
    pca = PCA().fit(pooled)
    return Components(np.maximum(pca.explained_variance_, 0.0), pca)


def all_components(rollouts: Rollouts) -> Mapping[str, Components]:
    """Return the components of every layer of one file of rollouts."""
    return {name: components(rows(v, rollouts.n_steps)) for name, v in layers_of(rollouts).items()}
