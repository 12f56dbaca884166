"""Settings of the readers and of the analysis."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs.validators import and_, ge, gt, in_, le, lt, optional

SIGNALS = ("activation", "excitation", "force")


def _rising(instance: object, attribute: attrs.Attribute, band: tuple[float, float]) -> None:
    if not 0 < band[0] < band[1]:
        raise ValueError(f"must be two frequencies, the lower one first, got {list(band)!r}")


@attrs.frozen(kw_only=True)
class Processing:
    """Settings of the way from raw EMG to envelopes, described in `RawEmg`.

    The defaults are those of Leonardis et al. (2025).
    """

    bandpass_hz: tuple[float, float] = attrs.field(default=(20.0, 1000.0), validator=_rising)
    lowpass_hz: float = attrs.field(default=50.0, validator=gt(0))
    order: int = attrs.field(default=4, validator=ge(1))
    envelope_rate_hz: float = attrs.field(default=200.0, validator=gt(0))
    samples: int = attrs.field(default=60, validator=ge(1))
    past_end: bool = False
    percentile: float = attrs.field(default=98.0, validator=and_(gt(0), le(100)))


@attrs.frozen(kw_only=True)
class RawEmg(Processing):
    """Settings of the `emg` reader: those of the processing, and where things are in the files.

    Attributes:
        bandpass_hz: edges of the band-pass that comes before rectification, Hz.
        lowpass_hz: edge of the low-pass that comes after it, Hz.
        order: order of both Butterworth filters, as scipy counts it; each is run forwards and backwards.
        envelope_rate_hz: rate of the envelopes, Hz; samples are averages of blocks of raw samples.
        samples: how many samples of a reach are kept.
        past_end: keep all of them even where the trial table says that the reach ended sooner.
        percentile: amplitude that becomes 1, a percentile over all samples of all trials of a muscle.
        muscles: muscle → the file (.csv, without ending) or electrode (.nwb) it was recorded in, as a name or a
            pattern such as ``emg_triceps*``; none named takes all, called as their files or electrodes.
        recorded_rate_hz: rate of .csv recordings of one muscle, Hz; must be given, since they do not hold it. Other
            recordings hold their own.
        frame_rate_hz: rate that ``start`` and ``end`` of a .csv trial table count in, Hz; must be given, unless
            the columns end in ``_s`` or ``_ms``. Beside a recording with a column of times they are s.
        start, end: columns of the trial table; empty means ``start`` and ``end``, with ``_s`` or ``_ms`` behind or not;
            in an .nwb file ``start_time`` and ``stop_time``.
        clips: names of the trials, so that each bears the name of the clip of the same reach; or one pattern such as
            ``reach_{:02d}`` for the trial's number, from the table's column ``trial``, else counted from 1. None given
            takes the table's column ``clip``, else ``trial_001`` and so on.
        margin_s: how much of a continuous recording (.nwb, channels in columns) before and after a reach is filtered
            with it, s.
    """

    muscles: Mapping[str, str] = attrs.field(factory=dict)
    recorded_rate_hz: float | None = attrs.field(default=None, validator=optional(gt(0)))
    frame_rate_hz: float | None = attrs.field(default=None, validator=optional(gt(0)))
    start: str = ""
    end: str = ""
    clips: tuple[str, ...] = ()
    margin_s: float = attrs.field(default=0.5, validator=ge(0))


@attrs.frozen(kw_only=True)
class MeanEmg:
    """Settings of the `mean_emg` reader.

    Attributes:
        averaged_trials: how many trials the curves are the mean of; must be given.
        time: column of the times; empty means the one called ``time``, ``time_s`` or ``time_ms``.
        time_unit: ``s`` or ``ms``; empty means what the column's name ends in, else s.
        columns: muscle → column; none named takes every column but those of time and of standard errors.
        sem: muscle → column of its standard error; a column named like the muscle's with ``_sem`` appended is found
            without it.
    """

    averaged_trials: int = attrs.field(default=0, validator=ge(0))
    time: str = ""
    time_unit: str = attrs.field(default="", validator=in_(("", "s", "ms")))
    columns: Mapping[str, str] = attrs.field(factory=dict)
    sem: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class SyntheticEmg(Processing):
    """Settings of the `synthetic_emg` reader: how the recording is made up, and those of the processing.

    Attributes:
        bandpass_hz, lowpass_hz, order, envelope_rate_hz, samples, past_end, percentile: as in the reader `emg`;
            ``bandpass_hz`` is also the band of the noise.
        signal: what modulates the amplitude: ``activation`` or ``excitation``.
        muscles: muscles to record; none named means those that a lab records (the body's ``emg_muscles``, under the
            lab's names), or all where the body names none.
        recorded_rate_hz: rate of the made-up recording, Hz.
        lead_s: how long the recording is before and after the reach, at the amplitude of its first and last instant, s.
        delay_ms: how much later than the EMG the muscle acts (electromechanical delay), ms.
        noise: amplitude of the recording where the muscle rests, as a share of that at full activation.
        seed: of all random numbers.
        save_raw: folder for the made-up recording, as .csv files that the reader `emg` takes,
            relative to the current folder; empty keeps none.
    """

    signal: str = attrs.field(default="activation", validator=in_(("activation", "excitation")))
    muscles: tuple[str, ...] = ()
    recorded_rate_hz: float = attrs.field(default=30_000.0, validator=gt(0))
    lead_s: float = attrs.field(default=0.25, validator=gt(0))
    delay_ms: float = attrs.field(default=0.0, validator=ge(0))
    noise: float = attrs.field(default=0.02, validator=[ge(0), lt(1)])
    seed: int = attrs.field(default=0, validator=ge(0))
    save_raw: str = ""


@attrs.frozen(kw_only=True)
class Comparison:
    """Settings of the `emg` analysis.

    Attributes:
        signal: what is compared throughout: ``activation``, ``excitation`` or ``force``.
        muscles: recorded muscle → simulated muscle, where the body does not say it or another one is meant.
        normalize: ``none`` compares excitation and activation as they are (0 to 1) and force as a share of the muscle's
            maximum isometric force; ``percentile`` divides each by its own percentile over all clips, as EMG is.
        percentile: which one.
        until_s: compare only up to this instant, s; None compares as long as both last.
        largest_lag_ms: delays up to this size are tried, ms.
        lag_step_ms: distance between delays, ms.
        bumps: unrelated Gaussian bumps that the same search for a delay is done with.
        halves: random halves of the trials that the noise ceiling is the mean of.
        seed: of bumps and halves.
    """

    signal: str = attrs.field(default="activation", validator=in_(SIGNALS))
    muscles: Mapping[str, str] = attrs.field(factory=dict)
    normalize: str = attrs.field(default="none", validator=in_(("none", "percentile")))
    percentile: float = attrs.field(default=98.0, validator=and_(gt(0), le(100)))
    until_s: float | None = attrs.field(default=None, validator=optional(gt(0)))
    largest_lag_ms: float = attrs.field(default=50.0, validator=ge(0))
    lag_step_ms: float = attrs.field(default=1.0, validator=gt(0))
    bumps: int = attrs.field(default=300, validator=ge(20))
    halves: int = attrs.field(default=50, validator=ge(2))
    seed: int = attrs.field(default=0, validator=ge(0))
