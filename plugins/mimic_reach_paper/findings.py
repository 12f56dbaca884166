"""What is compared: a number got the published way and the same one got the right way, beside EMG."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

TITLES = {
    "emg_time_base": "EMG: time base",
    "emg_signal": "EMG: raw action",
    "emg_both": "EMG: both together",
    "control_cost": "control cost",
    "reference_velocity": "reference velocity",
    "reference_held": "reference held",
    "forecast": "leads for lags",
    "forecast_control": "shuffled control",
    "column": "column by position",
}

OF_TRAINING = ("control_cost", "reference_velocity", "reference_held")
"""Pairings that decide what is learned; the others decide how it compares."""

WRONG = {
    "emg_time_base": "Actions at the control rate were taken for ones at the camera's rate: {sim_ms:.0f} ms of "
    "simulation stand beside {drawn_ms:g} ms of EMG.",
    "emg_signal": "The policy's raw output, cut off below 0, was taken for activation; a muscle gets the excitation.",
    "emg_both": "Stretched raw actions beside EMG, as the paper's notebook has it.",
    "control_cost": "The cost was that of the raw output in [-1, 1], so that a silent muscle costs as much as a fully "
    "excited one.",
    "reference_velocity": "Differences of angles were divided by the model's time step ({model_step_ms:g} ms), not the "
    "camera's ({frame_ms:g} ms), and cut off at {cutoff_rad_s:g} rad/s.",
    "reference_held": "The reference stood still between camera frames ({frame_ms:g} ms), while the controller acts at "
    "{rate_hz:g} Hz.",
    "forecast": "The delays pointed ahead: the forecast saw later values of what it forecasts from.",
    "forecast_control": "The control had two neighbours and shuffled predictors, another embedding than the forecast "
    "that it controls.",
    "column": "A column was found by its place and bore the name of another muscle: {mislabelled}.",
}


@attrs.frozen
class Pair:
    """A number both ways.

    Attributes:
        path: where it stands among the metrics; its first part is a key of `TITLES`.
        quantity: what the number is, with its unit; short, as a terminal cuts it after 20 letters.
        published, right: NaN where it could not be computed.
        nulls: trivial answer → what it gets by the same measure, computed the right way.
    """

    path: tuple[str, ...]
    quantity: str
    published: float
    right: float
    nulls: Mapping[str, float] = attrs.field(factory=dict, eq=False)


@attrs.frozen
class Missing:
    """A pairing that these files do not allow, and why."""

    key: str
    why: str


@attrs.frozen(eq=False)
class Recorded:
    """EMG beside clips: single trials where both have their names, else the mean over trials and over clips.

    Attributes:
        time: (sample,) s after the start of the reach.
        clips: for each row of ``envelope`` the clips whose mean stands beside it.
        envelope: recorded muscle → (row, sample).
        sem: recorded muscle → (sample,) standard error of the mean; NaN where unknown.
        single: rows are single trials.
    """

    time: np.ndarray
    clips: tuple[tuple[int, ...], ...]
    envelope: dict[str, np.ndarray]
    sem: dict[str, np.ndarray]
    single: bool
