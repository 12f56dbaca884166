"""What the comparison with EMG finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from mimic_sensitivity import ALL, Spread

MEASURES = ("mae", "rmse", "r", "r2_affine", "lag_ms", "r_at_lag")
"""Of agreement, see `mimic_emg.compare.agreement`."""
OF_NULLS = ("mae", "r", "r2_affine", "r_at_lag")
"""Those that null models have."""


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
    """One muscle of one controller beside EMG.

    Attributes:
        mean, sem: (sample,) over clips.
        shared: how many samples of the means were compared.
        until_ms: instant of the last one; NaN if there is none.
        on_mean: measure → value, of the mean over trials.
        by_trial: measure → (trial,); empty where no trial is known to be a clip.
        another_clip: the same, every trial beside the clip of the trial before it; empty with one trial.
        there: (lag, sample) whether the mean has a value when it is read that much later.
    """

    mean: np.ndarray
    sem: np.ndarray
    shared: int
    until_ms: float
    on_mean: dict[str, float]
    by_trial: dict[str, np.ndarray]
    another_clip: dict[str, np.ndarray]
    there: np.ndarray


Measures = Mapping[str, float]
"""name in `OF_NULLS` → value; NaN or absent where a model has none"""


@attrs.frozen(eq=False)
class Nulls:
    """What trivial answers get beside one muscle's EMG, by the same measures on the same samples.

    Attributes:
        of_mean: model → measures, of the mean over trials.
        of_trials: model → measures, mean over single trials; empty where no trial is known to be a clip.
        best_other: muscle of the smallest error but the right one; empty if the body has no other.
        rank: measure → place of the right muscle among all muscles of the body, 1 for the best.
        bumps_as_good: share of the bumps that come as close as the muscle after a search for the best lag.
    """

    of_mean: dict[str, Measures]
    of_trials: dict[str, Measures]
    best_other: str
    rank: dict[str, int]
    bumps_as_good: float


@attrs.frozen(eq=False)
class Varied:
    """What the comparison finds in altered bodies.

    Attributes:
        said: what an error bar is, in words.
        tracking_mm: parameter → spread of the mean distance from the reference.
        of_mean: recorded muscle → parameter → measure → its spread, mean course.
        of_trials: the same of the mean over single trials; empty where no trial is known to be a clip.
        every: recorded muscle → muscle of the body → measure → its spread, all parameters at once; empty without these.
        course: recorded muscle → spread of the mean course (sample,), all at once; empty without these.
    """

    said: str
    tracking_mm: Mapping[str, Spread]
    of_mean: Mapping[str, Mapping[str, Mapping[str, Spread]]]
    of_trials: Mapping[str, Mapping[str, Mapping[str, Spread]]]
    every: Mapping[str, Mapping[str, Mapping[str, Spread]]]
    course: Mapping[str, Spread]

    def mean(self, recorded: str, measure: str) -> Spread | None:
        """Spread of a measure of the mean course with all parameters varied at once; None where they were not."""
        return self.of_mean[recorded].get(ALL, {}).get(measure)


@attrs.frozen(eq=False)
class Findings:
    """All that was compared.

    Attributes:
        muscles: recorded muscle → simulated muscle.
        not_compared: recorded muscles that no simulated one is known for.
        trials: names that trials share with clips; empty where none does.
        times: (sample,) s, of the EMG samples that were compared.
        emg: recorded muscle → its EMG.
        every: recorded muscle → each muscle of the body → one for each controller.
        nulls: recorded muscle → its null models.
        unit: what the signal is a share of.
        varied: the same in bodies with other muscles; None where no sensitivity was given.
    """

    muscles: dict[str, str]
    not_compared: list[str]
    trials: tuple[str, ...]
    times: np.ndarray
    emg: dict[str, Recorded]
    every: dict[str, dict[str, list[Compared]]]
    nulls: dict[str, Nulls]
    unit: str
    varied: Varied | None = None

    @property
    def compared(self) -> dict[str, list[Compared]]:
        """Recorded muscle → the right muscle of each controller."""
        return {m: self.every[m][s] for m, s in self.muscles.items()}


def trial_means(each: Sequence[Compared]) -> dict[str, np.ndarray]:
    """Measure → (trial,) mean over controllers; NaN where one of them has none."""
    return {k: np.mean([c.by_trial[k] for c in each], axis=0) for k in MEASURES}


def mean_of(each: Sequence[Compared], measure: str) -> float:
    """Mean over controllers of a measure of the mean course; NaN where it is defined for none."""
    return finite_mean([c.on_mean[measure] for c in each])


def finite_mean(values: Sequence[float] | np.ndarray) -> float:
    """Mean of what is finite; NaN where nothing is."""
    v = np.asarray(values, float)
    v = v[np.isfinite(v)]
    return float(v.mean()) if v.size else float("nan")


def single_trials(c: Compared) -> dict[str, float]:
    """Mean of each measure over trials; the median of the lag."""
    out = {}
    for k, v in c.by_trial.items():
        finite = v[np.isfinite(v)]
        summary = np.median if k == "lag_ms" else np.mean
        out[k] = float(summary(finite)) if finite.size else float("nan")
    return out
