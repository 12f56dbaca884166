"""What the analysis of recovery finds."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core.records import AppliedPerturbation


@attrs.frozen(kw_only=True)
class Intention:
    """How large a shift of the intention is; root mean squares over dimensions, clips and steps.

    Attributes:
        shift: added to the intention, in standard deviations of its prior.
        spread: of the undisturbed intention over clips and time, likewise: its standard deviation.
        uncertainty: standard deviation that the encoder itself gives the intention, likewise; NaN where it is unknown.
    """

    shift: float
    spread: float
    uncertainty: float

    @property
    def in_spreads(self) -> float:
        """The shift in units of the intention's own spread; NaN for an intention that never changes."""
        return self.shift / self.spread if self.spread > 0 else float("nan")


@attrs.frozen(kw_only=True, eq=False)
class Response:
    """What one perturbation did, clip by clip. Times are since its onset; NaN where there was none.

    Attributes:
        label: what these rollouts are called.
        perturbation: what disturbed them.
        rate_hz: of all arrays over steps.
        onset, end: (clip,) s since the clip's start; NaN for a clip that was left alone.
        deviation_mm: (clip, step) distance from the undisturbed course, mm of the animal.
        change: (clip, step, actuator) of the signal from the undisturbed one, at the instant at which it is sent.
        peak_mm, peak_ms: (clip,) largest deviation after the onset, and when.
        recovery_ms: (clip,) from when on the deviation stays below the threshold; inf if it never does.
        left_mm: (clip,) mean deviation at the clip's end, from the onset on.
        latency_ms: (clip, actuator) when the signal first differs by more than the setting says; inf if it never does.
        mean_change: (clip, actuator) mean of ``change`` over the time that the setting says.
        false_alarm: (clip, actuator) whether the signal differs as much before the onset already; NaN where nothing is
            before it.
        error_mm: window (``before``, ``during``, ``after``) → mean distance from the reference, mm: undisturbed and
            perturbed.
        intention: how much the intention was shifted; None where it was not, or is not known.
    """

    label: str
    perturbation: AppliedPerturbation
    rate_hz: float
    onset: np.ndarray
    end: np.ndarray
    deviation_mm: np.ndarray
    change: np.ndarray
    peak_mm: np.ndarray
    peak_ms: np.ndarray
    recovery_ms: np.ndarray
    left_mm: np.ndarray
    latency_ms: np.ndarray
    mean_change: np.ndarray
    false_alarm: np.ndarray
    error_mm: dict[str, tuple[float, float]]
    intention: Intention | None
