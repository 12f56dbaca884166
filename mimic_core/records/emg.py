"""EMG envelopes: what the lab recorded of its muscles, trial by trial, at a known rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from mimic_core.errors import ConfigError, did_you_mean
from mimic_core.plugins.component import ComponentSpec
from mimic_core.records.storage import Record, array, value

if TYPE_CHECKING:
    from mimic_core.body.body import Body


@attrs.frozen(kw_only=True)
class Emg(Record):
    """Processed EMG of trials. What a trial did not record is NaN.

    Attributes:
        rate_hz: rate of the envelopes, Hz.
        first_s: instant of the first sample, s after the start of the trial's reach: half a period where a sample is
            the average of a block that begins at the start.
        trial_names: a trial has the same name as the clip of the same reach, if there is one.
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
class EmgReaderSpec(ComponentSpec):
    """A reader of EMG. ``build(config) -> read`` with ``read(files: Sequence[Path]) -> Emg``.

    Attributes:
        reads: what the files are, in a few words, e.g. ``raw EMG (.csv) and a trial table``.
        of_rollouts: it reads rollouts instead of recordings; a run file then gives it its own.
        example: ``example(folder) -> paths`` writes small files that it reads, for ``mimic plugins check``; None if
            there are none.
    """

    reads: str = ""
    of_rollouts: bool = False
    example: Callable[[Path], Sequence[Path]] | None = None


def muscle_pairs(
    recorded: Sequence[str], simulated: Sequence[str], body: Body | None, settings: Mapping[str, str], key: str
) -> dict[str, str]:
    """Return recorded muscle → simulated muscle, for every recorded muscle that has a simulated counterpart.

    Settings come before the body's ``emg_muscles``, and these before a muscle of the same name. Upper and lower case
    of what the lab calls a muscle do not matter.

    Args:
        recorded: names of the recorded muscles.
        simulated: names of the simulated muscles.
        body: the simulated body, where it is known.
        settings: recorded muscle → simulated muscle, as a user has it.
        key: of these settings, for messages.

    Raises:
        ConfigError: the settings name a muscle that is not recorded or not simulated.
    """
    known = {name.lower() for name in recorded}
    for name, muscle in settings.items():
        if name.lower() not in known:
            raise ConfigError(f"{key}: no muscle {name!r} in the EMG{did_you_mean(name, recorded)}")
        if muscle not in simulated:
            near = did_you_mean(muscle, simulated) if simulated else "; their actuators are no muscles"
            raise ConfigError(f"{key}.{name}: no muscle {muscle!r} in the rollouts{near}")
    found = {muscle.lower(): muscle for muscle in simulated}
    if body is not None:
        found |= {name.lower(): muscle for name, muscle in body.emg_muscles.items() if muscle in simulated}
    found |= {name.lower(): muscle for name, muscle in settings.items()}
    return {name: found[name.lower()] for name in recorded if name.lower() in found}
