"""From raw EMG to envelopes."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from mimic_core import DataError
from mimic_emg.settings import Processing

MEND_SAMPLES = (
    "fill it in, or clear the whole trial, which then counts as not recorded for this muscle; to leave the trial out "
    "for all muscles, clear its start in the trial table"
)
"""What to do about missing samples."""


@attrs.frozen(eq=False)
class Trial:
    """What was recorded of one muscle around one reach.

    Attributes:
        raw: (sample,) in any unit; NaN throughout where the muscle was not recorded in this trial.
        start_s, end_s: when the reach begins and ends.
        where: file and row, for messages.
        first_s: when the first sample was taken, by the same clock.
    """

    raw: np.ndarray
    start_s: float
    end_s: float
    where: str
    first_s: float = 0.0


def envelope(raw: np.ndarray, rate_hz: float, config: Processing) -> np.ndarray:
    """Return the amplitude (sample,) of a raw recording (sample,): band-passed, rectified, low-passed."""
    from scipy.signal import butter, sosfiltfilt

    band = butter(config.order, config.bandpass_hz, "bandpass", fs=rate_hz, output="sos")
    low = butter(config.order, config.lowpass_hz, "lowpass", fs=rate_hz, output="sos")
    return sosfiltfilt(low, np.abs(sosfiltfilt(band, raw)))


def blocks(amplitude: np.ndarray, rate_hz: float, start_s: float, end_s: float, config: Processing) -> np.ndarray:
    """Average ``amplitude`` in blocks from the start of a reach on.

    Args:
        amplitude: (sample,) at ``rate_hz``.
        rate_hz: Hz; need not be a multiple of the envelopes' rate, blocks then differ by one sample in size.
        start_s: s after the first sample.
        end_s: blocks that are not over by then are NaN, unless ``config.past_end``.
        config: rate and number of blocks.

    Returns:
        (config.samples,)
    """
    edges = np.round((start_s + np.arange(config.samples + 1) / config.envelope_rate_hz) * rate_hz).astype(int)
    last = len(amplitude) if config.past_end else min(len(amplitude), round(end_s * rate_hz))
    n = int((edges[1:] <= last).sum())
    out = np.full(config.samples, np.nan)
    sums = np.concatenate([[0.0], np.cumsum(amplitude)])
    out[:n] = (sums[edges[1 : n + 1]] - sums[edges[:n]]) / np.diff(edges[: n + 1])
    return out


def envelopes(trials: Sequence[Trial], rate_hz: float, config: Processing) -> np.ndarray:
    """Return the envelopes (trial, sample) of one muscle, as a share of its percentile over all of them.

    A trial in which the muscle was not recorded is NaN and has no part in the percentile.

    Raises:
        DataError: the rate is too low for the filters, a sample is missing, a reach is not inside the recording, or
            nothing was recorded at all.
    """
    check_rate(rate_hz, trials[0].where, config)
    if all(map(not_recorded, trials)):
        raise DataError(f"{trials[0].where}: is empty, and so is every other trial with a reach; leave this muscle out")
    found = np.stack([_trial(t, rate_hz, config) for t in trials])
    if not np.isfinite(found).any():
        raise DataError(
            f"{trials[0].where}: every reach is shorter than one sample of {1e3 / config.envelope_rate_hz:g} ms; "
            "check start and end of the trial table and the rate they count in"
        )
    reference = np.nanpercentile(found, config.percentile)
    if not reference > 0:
        raise DataError(
            f"{trials[0].where}: the recording is zero throughout; leave this muscle out or export it again"
        )
    return found / reference


def check_rate(rate_hz: float, where: str, config: Processing) -> None:
    """Refuse a recording that is too slow for the filters or the envelopes.

    Raises:
        DataError: it is.
    """
    highest = max(config.bandpass_hz[1], config.lowpass_hz)
    if rate_hz <= 2 * highest:
        band = f"[{config.bandpass_hz[0]:g}, {0.45 * rate_hz:g}]"
        raise DataError(
            f"{where}: recorded at {rate_hz:g} Hz, but a filter edge at {highest:g} Hz needs more than "
            f"{2 * highest:g} Hz; lower the edge, e.g. --set 'emg.bandpass_hz={band}', or correct the rate"
        )
    if rate_hz < config.envelope_rate_hz:
        raise DataError(
            f"{where}: recorded at {rate_hz:g} Hz, envelopes are to have {config.envelope_rate_hz:g} Hz; "
            f"give a lower one with --set emg.envelope_rate_hz={rate_hz:g}"
        )


def not_recorded(trial: Trial) -> bool:
    """Whether the muscle was not recorded in this trial."""
    return bool(trial.raw.size and np.isnan(trial.raw).all())


def _trial(trial: Trial, rate_hz: float, config: Processing) -> np.ndarray:
    if not_recorded(trial):
        return np.full(config.samples, np.nan)
    missing = np.flatnonzero(~np.isfinite(trial.raw))
    if missing.size:
        raise DataError(f"{trial.where}: sample {missing[0] + 1} is missing ({missing.size} in all); {MEND_SAMPLES}")
    last_s = trial.first_s + len(trial.raw) / rate_hz
    wanted = trial.start_s + config.samples / config.envelope_rate_hz
    needed = wanted if config.past_end else min(trial.end_s, wanted)
    if trial.start_s < trial.first_s or needed > last_s + 0.5 / rate_hz:
        raise DataError(
            f"{trial.where}: the reach is at {trial.start_s:g} to {needed:g} s, but what is recorded around it is at "
            f"{trial.first_s:g} to {last_s:g} s; check the trial table, the rate it counts in and that of the recording"
        )
    if len(trial.raw) <= 6 * (2 * config.order + 1):
        raise DataError(
            f"{trial.where}: {len(trial.raw)} samples are too few to be filtered; record more around the reach"
        )
    start_s, end_s = trial.start_s - trial.first_s, trial.end_s - trial.first_s
    return blocks(envelope(trial.raw, rate_hz, config), rate_hz, start_s, end_s, config)


def first_s(config: Processing) -> float:
    """Middle of the first block, s after the start of the reach."""
    return 0.5 / config.envelope_rate_hz


def methods(config: Processing, rate_hz: float) -> str:
    """How envelopes are made, in words."""
    low, high = config.bandpass_hz
    length_ms = 1e3 * config.samples / config.envelope_rate_hz
    ends = "" if config.past_end else ", or to the end of the reach where it comes sooner"
    return (
        f"EMG sampled at {rate_hz:g} Hz was band-pass filtered ({low:g}–{high:g} Hz), full-wave rectified and low-pass "
        f"filtered ({config.lowpass_hz:g} Hz), each with a Butterworth filter of order {config.order} run forwards and "
        f"backwards (zero phase; scipy's sosfiltfilt). From the start of the reach it was averaged in blocks of "
        f"{1e3 / config.envelope_rate_hz:g} ms to {config.envelope_rate_hz:g} Hz for {config.samples} samples "
        f"({length_ms:g} ms){ends}, and divided by the {config.percentile:g}th percentile over all samples of all "
        "trials of the muscle (Leonardis et al. 2025, arXiv:2511.21848)."
    )
