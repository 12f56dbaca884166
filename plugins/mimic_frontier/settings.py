"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import gt, lt


@attrs.frozen
class Settings:
    """Settings of the frontier. A metric is a column of the sweep's ``results.csv``.

    Attributes:
        cost: setting of the grid that is drawn along the axis; all others together make the lines.
        reward: metric that should be high.
        high_frequency: metric that should be low, and that the cost is to bring down.
        emg: metrics of the difference from EMG, that should be low.
        least_bend: a knee is clear if its distance to the chord is at least this share of the reward's range.
    """

    cost: str = "rewards.control.weight"
    reward: str = "rollout.terms.joint"
    high_frequency: str = "spectral.share.mean"
    emg: tuple[str, ...] = ("emg.triceps.activation.mae", "emg.biceps.activation.mae")
    least_bend: float = attrs.field(default=0.1, validator=[gt(0), lt(1)])
