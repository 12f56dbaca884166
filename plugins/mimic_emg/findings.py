"""What the comparison with EMG finds."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

MEASURES = ("mae", "rmse", "r", "lag_ms", "r_at_lag")
"""Of agreement, see `mimic_emg.compare.agreement`."""


@attrs.frozen(eq=False)
class Recorded:
    """EMG of one muscle.

    Attributes:
        trials: (trial, sample)
        mean, sem: (sample,)
    """

    trials: np.ndarray
    mean: np.ndarray
    sem: np.ndarray


@attrs.frozen(eq=False)
class Compared:
    """One signal of one muscle of one controller beside EMG.

    Attributes:
        mean, sem: (sample,) over clips.
        shared: how many samples of the means were compared.
        until_ms: instant of the last one; NaN if there is none.
        on_mean: measure → value, of the mean over trials.
        by_trial: measure → (trial,); empty where no trial is known to be a clip.
    """

    mean: np.ndarray
    sem: np.ndarray
    shared: int
    until_ms: float
    on_mean: dict[str, float]
    by_trial: dict[str, np.ndarray]


@attrs.frozen(eq=False)
class Findings:
    """All that was compared.

    Attributes:
        muscles: recorded muscle → simulated muscle.
        not_compared: recorded muscles that no simulated one is known for.
        trials: names that trials share with clips; empty where none does.
        times: (sample,) s, of the EMG samples that were compared.
        emg: recorded muscle → its EMG.
        compared: recorded muscle → signal → one for each controller.
        unit: signal → what it is a share of.
    """

    muscles: dict[str, str]
    not_compared: list[str]
    trials: tuple[str, ...]
    times: np.ndarray
    emg: dict[str, Recorded]
    compared: dict[str, dict[str, list[Compared]]]
    unit: dict[str, str]


def trial_means(each: Sequence[Compared]) -> dict[str, np.ndarray]:
    """Measure → (trial,) mean over controllers; NaN where one of them has none."""
    return {k: np.mean([c.by_trial[k] for c in each], axis=0) for k in MEASURES}
