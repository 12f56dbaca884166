"""What the spectral analysis finds."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

WINDOWS = ("reach", "hold", "whole")


@attrs.frozen(eq=False)
class Powers:
    """Power of one set of clips in one window of time; each (actuator,), mean over clips and instants.

    Attributes:
        total: square of the signal about the clip's mean.
        high: square of its part from ``cut_hz`` to ``top_hz``.
        effort: square of the signal itself; its sum over actuators is Σu².
    """

    total: np.ndarray
    high: np.ndarray
    effort: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """(actuator,) high over total power; NaN for a signal that never changes."""
        return np.divide(self.high, self.total, out=np.full_like(self.total, np.nan), where=self.total > 1e-12)

    @property
    def mean_share(self) -> float:
        """Mean over actuators that change; NaN where none does."""
        known = self.share[np.isfinite(self.share)]
        return float(known.mean()) if known.size else float("nan")


@attrs.frozen(eq=False)
class Spectra:
    """What was found of one file of rollouts.

    Attributes:
        hz: (frequency,) Hz.
        density: (actuator, frequency) power density of whole clips, mean over clips, 1/Hz of the signal squared.
        windows: name in `WINDOWS` → powers; those that no clip reaches are left out.
        nulls: null model → the same.
        course: (step,) high power of all actuators together, mean over the clips that last as long; NaN where these
            are fewer than half.
        effort: (step,) Σu², likewise.
        null_courses: null model → ``course`` of it.
        clips: how many were long enough.
    """

    hz: np.ndarray
    density: np.ndarray
    windows: Mapping[str, Powers]
    nulls: Mapping[str, Mapping[str, Powers]]
    course: np.ndarray
    effort: np.ndarray
    null_courses: Mapping[str, np.ndarray]
    clips: int
