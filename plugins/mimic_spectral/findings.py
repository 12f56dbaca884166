"""What the spectral analysis finds."""

from __future__ import annotations

import attrs
import numpy as np


@attrs.frozen(eq=False)
class Spectra:
    """Mean spectra of one file of rollouts.

    Attributes:
        hz: (frequency,) Hz.
        density: (actuator, frequency) power density, mean over clips, 1/Hz of the signal squared.
        total: (actuator,) power, mean over clips.
        high: (actuator,) power from ``cut_hz`` to ``top_hz``.
        clips: how many were long enough.
    """

    hz: np.ndarray
    density: np.ndarray
    total: np.ndarray
    high: np.ndarray
    clips: int

    @property
    def share(self) -> np.ndarray:
        """(actuator,) high over total power; NaN for a signal that never changes."""
        return np.divide(self.high, self.total, out=np.full_like(self.total, np.nan), where=self.total > 1e-12)
