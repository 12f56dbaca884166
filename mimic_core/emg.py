"""EMG envelopes: what the lab recorded of its muscles, trial by trial, at a known rate."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import numpy as np

from mimic_core.component import ComponentSpec
from mimic_core.storage import Record, array, value


@attrs.frozen(kw_only=True)
class Emg(Record):
    """Processed EMG of trials. What a trial did not record is NaN.

    Attributes:
        rate_hz: rate of the envelopes, Hz.
        first_s: instant of the first sample, s after the start of the trial's reach: half a period where a sample is
            the average of a block that begins at the start.
        trial_names: a trial bears the name of the clip of the same reach, where there is one.
        muscle_names: as the lab calls them; `mimic_core.Body.emg_muscles` says which muscle of a body each one is.
        envelope: amplitude, as a share of the muscle's reference amplitude.
        sem: standard error of the mean, where an entry is a mean over trials.
        averaged_trials: how many trials each entry is the mean of; 1 for single trials.
        synthetic: made by the program, not recorded.
        methods: how the envelopes were made, in words.
    """

    KIND: ClassVar[str] = "emg"

    rate_hz: float = value(converter=float)
    first_s: float = value(default=0.0, converter=float)
    trial_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    muscle_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    envelope: np.ndarray = array(("trial", "sample", "muscle"), "1")
    sem: np.ndarray | None = array(("trial", "sample", "muscle"), "1", optional=True)
    averaged_trials: int = value(default=1)
    synthetic: bool = value(default=False)
    methods: str = value(default="")
    provenance: dict[str, Any] = value(default=attrs.Factory(dict))

    @property
    def time(self) -> np.ndarray:
        """(sample,) s after the start of the reach."""
        return self.first_s + np.arange(self.envelope.shape[1]) / self.rate_hz


@attrs.frozen(kw_only=True)
class RecordingSpec(ComponentSpec):
    """A reader of EMG. ``build(config) -> read`` with ``read(files: Sequence[Path]) -> Emg``.

    Attributes:
        reads: what the files are, in a few words, e.g. ``raw EMG (.csv) and a trial table``.
        of_rollouts: it reads rollouts instead of recordings; a run file then gives it its own.
    """

    reads: str = ""
    of_rollouts: bool = False
