"""Instants of the camera among those of the controller."""

from __future__ import annotations

import numpy as np

from mimic_core import ConfigError


def steps_per_frame(rate_hz: float, camera_hz: float) -> int:
    """Control steps in a camera frame.

    Raises:
        ConfigError: the camera's rate does not divide the control rate.
    """
    ratio = rate_hz / camera_hz
    if round(ratio) < 1 or abs(ratio - round(ratio)) > 1e-6:
        able = ", ".join(f"{rate_hz / k:g}" for k in (1, 2, 4, 5))
        raise ConfigError(f"camera_hz: must divide the control rate of {rate_hz:g} Hz (e.g. {able}), got {camera_hz:g}")
    return round(ratio)


def held(values: np.ndarray, rate_hz: float, camera_hz: float) -> np.ndarray:
    """Hold (clip, step, …) from one camera frame to the next, as track-mjx repeats frames of its reference."""
    each = steps_per_frame(rate_hz, camera_hz)
    return values[:, np.arange(values.shape[1]) // each * each]
