"""What the latent analysis finds of a layer."""

from __future__ import annotations

import attrs
import numpy as np
from sklearn.decomposition import PCA


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
