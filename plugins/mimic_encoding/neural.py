"""Neural activity, or any other signal recorded with the movement, trial by trial in bins."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import numpy as np

from mimic_core.records import Record, array, value

COUNTS, SIGNAL = "counts", "signal"


@attrs.frozen(kw_only=True)
class Neural(Record):
    """Spike counts or the mean of a signal in bins; NaN where a trial was not recorded.

    Attributes:
        kind_of_value: ``counts`` (spikes per bin) or ``signal`` (mean over the bin).
        rate_hz: of the bins.
        first_s: centre of the first bin, s after the start of the trial's reach.
        trial_names: a trial has the same name as the clip of the same reach.
        neuron_names: units, channels or regions, as the file calls them.
        synthetic: made by the program, not recorded.
        code: the source that made-up neurons encode; empty for a recording.
        methods: how the bins were made, in words.
    """

    KIND: ClassVar[str] = "neural"

    kind_of_value: str = value()
    rate_hz: float = value(converter=float)
    first_s: float = value(converter=float)
    trial_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    neuron_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    values: np.ndarray = array(("trial", "bin", "neuron"), "1")
    synthetic: bool = value(default=False)
    code: str = value(default="")
    methods: str = value(default="")
    provenance: dict[str, Any] = value(default=attrs.Factory(dict))

    @property
    def time(self) -> np.ndarray:
        """(bin,) s after the start of the reach, at the centres of the bins."""
        return self.first_s + np.arange(self.values.shape[1]) / self.rate_hz
