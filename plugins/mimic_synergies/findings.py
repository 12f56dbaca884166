"""What the analysis of synergies finds."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np


@attrs.frozen(eq=False)
class Synergies:
    """Synergies of one set of muscles: activity ≈ ``courses @ weights``, the largest contribution first.

    Attributes:
        weights: (synergy, muscle), each of Euclidean length 1.
        courses: (instant, synergy).
        vaf: share of the variance accounted for.
    """

    weights: np.ndarray
    courses: np.ndarray
    vaf: float


@attrs.frozen(eq=False)
class Curve:
    """Variance accounted for by 1, 2, … synergies of one file of rollouts; each (number,).

    Attributes:
        fits: the synergies, fitted to all clips.
        nulls: null model, see `mimic_synergies.nulls` → mean over its draws.
        held_out: of the clips held out, by synergies fitted to the others; NaN where none is held out.
    """

    fits: tuple[Synergies, ...]
    nulls: Mapping[str, np.ndarray]
    held_out: np.ndarray

    @property
    def vaf(self) -> np.ndarray:
        return np.array([s.vaf for s in self.fits])

    def needed(self, enough: float) -> int | None:
        """The fewest synergies that reach ``enough``; None if no number tried does."""
        return fewest(self.vaf, enough)


def fewest(vaf: np.ndarray, enough: float) -> int | None:
    """Return how many synergies reach ``enough`` in a curve (number,); None if none does."""
    reached = np.flatnonzero(vaf >= enough)
    return int(reached[0]) + 1 if len(reached) else None
