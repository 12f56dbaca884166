"""The part of a signal that is fast, instant by instant, and what shuffled signals have of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import signal as dsp

from mimic_core import DataError, Rollouts
from mimic_spectral.findings import Powers, Spectra
from mimic_spectral.settings import Settings

PERIODS = 2
"""A clip must last as many periods of ``cut_hz``."""
MEAN_COURSE, PHASES, SAMPLES = "mean course of all clips", "phases shuffled", "samples shuffled"
KEYS = {MEAN_COURSE: "mean_course", PHASES: "phases_shuffled", SAMPLES: "samples_shuffled"}
"""null model → key in the metrics"""


def padded(x: np.ndarray, rate_hz: float, settings: Settings) -> tuple[np.ndarray, int]:
    """Return signals (…, time) about their mean, with ends that fade to it outside of the clip, and the added length.

    The clip itself keeps its full weight. Beyond the fading ends (half a cosine) there are zeros, until the filter has
    come to rest.
    """
    fade, rest = round(1e-3 * settings.pad_ms * rate_hz), round(PERIODS * rate_hz / settings.cut_hz)
    centred = x - x.mean(axis=-1, keepdims=True)
    ramp = np.concatenate([np.zeros(rest), 0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 0.5) / max(fade, 1))])
    before, after = centred[..., :1] * ramp, centred[..., -1:] * ramp[::-1]
    return np.concatenate([before, centred, after], axis=-1), len(ramp)


def fast(x: np.ndarray, rate_hz: float, settings: Settings) -> np.ndarray:
    """Return the part of signals (…, time) of one clip from ``cut_hz`` to ``top_hz``: without delay, zero-phase."""
    longer, added = padded(x, rate_hz, settings)
    if settings.top_hz < rate_hz / 2:
        band, kind = (settings.cut_hz, settings.top_hz), "bandpass"
    else:
        band, kind = settings.cut_hz, "highpass"
    sos = dsp.butter(settings.order, band, kind, fs=rate_hz, output="sos")
    return dsp.sosfiltfilt(sos, longer, axis=-1, padtype=None)[..., added : added + x.shape[-1]]


def density(x: np.ndarray, rate_hz: float, settings: Settings, nfft: int) -> tuple[np.ndarray, np.ndarray]:
    """One-sided power density (…, frequency) of one padded clip's signals (…, time), and its frequencies in Hz.

    Its sum times ``rate_hz / nfft`` is the mean square of the padded signal, times its length over the clip's.
    """
    longer, _ = padded(x, rate_hz, settings)
    hz, power = dsp.periodogram(longer, rate_hz, nfft=nfft, detrend=False, scaling="density")
    return hz, power * longer.shape[-1] / x.shape[-1]


def spectra(rollouts: Rollouts, settings: Settings) -> Spectra:
    """Powers of all actuators over the clips that are long enough, and those of the null models.

    Raises:
        DataError: no clip is long enough, or the rate is too low for ``cut_hz``.
    """
    rate = rollouts.rate_hz
    if settings.cut_hz >= rate / 2:
        raise DataError(
            f"analyze.spectral.cut_hz: {settings.cut_hz:g} Hz is not below half the control rate of the rollouts "
            f"({rate / 2:g} Hz); choose a lower one"
        )
    signals = [_finite(clip[:n]) for clip, n in zip(getattr(rollouts, settings.signal), rollouts.n_steps, strict=True)]
    needed = int(np.ceil(PERIODS * rate / settings.cut_hz))
    long = [x.T for x in signals if len(x) >= needed]
    if not long:
        raise DataError(
            f"rollouts: no clip has the {needed} samples ({PERIODS} periods of {settings.cut_hz:g} Hz) that its "
            f"spectrum needs, the longest has {max(map(len, signals))}; raise analyze.spectral.cut_hz"
        )
    nfft = max(padded(x, rate, settings)[0].shape[-1] for x in long)
    found = [density(x, rate, settings, nfft) for x in long]
    rng = np.random.default_rng(settings.seed)
    shuffles: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        PHASES: lambda x: shuffled_phases(x, rng),
        SAMPLES: lambda x: rng.permuted(x, axis=-1),
    }
    made = {MEAN_COURSE: [mean_course(long)] if len(long) > 1 else []}
    made |= {name: [shuffle(x) for x in long for _ in range(settings.draws)] for name, shuffle in shuffles.items()}
    high = [fast(x, rate, settings) for x in long]
    windows = powers(long, high, rate, settings)
    nulls, courses = {}, {}
    for name, clips in made.items():
        if clips:
            of_null = [fast(x, rate, settings) for x in clips]
            nulls[name], courses[name] = powers(clips, of_null, rate, settings), _course(of_null)
    effort = _course(long)
    return Spectra(
        found[0][0], np.mean([d for _, d in found], axis=0), windows, nulls, _course(high), effort, courses, len(long)
    )


def powers(
    clips: Sequence[np.ndarray], high: Sequence[np.ndarray], rate_hz: float, settings: Settings
) -> dict[str, Powers]:
    """Powers in the reach, in the hold after it, and in whole clips (actuator, time); clips count alike."""
    end = round(1e-3 * settings.reach_ms * rate_hz)
    out = {}
    for name, window in (("reach", slice(0, end)), ("hold", slice(end, None)), ("whole", slice(None))):
        there = [i for i, x in enumerate(clips) if x[..., window].shape[-1]]
        if there:
            centred = [clips[i] - clips[i].mean(axis=-1, keepdims=True) for i in there]
            parts = (centred, [high[i] for i in there], [clips[i] for i in there])
            squares = [np.mean([(x[..., window] ** 2).mean(axis=-1) for x in part], axis=0) for part in parts]
            out[name] = Powers(*squares)
    return out


def _course(clips: Sequence[np.ndarray]) -> np.ndarray:
    """(step,) sum over actuators of the square, mean over clips (actuator, time), while half of them last."""
    longest = max(x.shape[-1] for x in clips)
    rows = [np.pad((x**2).sum(axis=0), (0, longest - x.shape[-1]), constant_values=np.nan) for x in clips]
    stacked = np.array(rows)
    n = np.isfinite(stacked).sum(axis=0)
    return np.where(2 * n >= len(clips), np.nansum(stacked, axis=0) / np.maximum(n, 1), np.nan)


def mean_course(clips: Sequence[np.ndarray]) -> np.ndarray:
    """(actuator, time) mean over clips, while half of them last: what is left of a command that all clips share."""
    lengths = sorted(x.shape[-1] for x in clips)
    n = lengths[(len(lengths) - 1) // 2]
    short = [((0, 0), (0, max(0, n - x.shape[-1]))) for x in clips]
    rows = [np.pad(x[:, :n], more, constant_values=np.nan) for x, more in zip(clips, short, strict=True)]
    return np.nanmean(np.array(rows), axis=0)


def shuffled_phases(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return signals (…, time) with the same power at every frequency and random phases (Theiler et al. 1992).

    Mean and effort stay; when within the clip a frequency is strong does not.
    """
    spectrum = np.fft.rfft(x, axis=-1)
    turn = np.exp(2j * np.pi * rng.uniform(size=spectrum.shape))
    turn[..., 0] = 1.0
    if x.shape[-1] % 2 == 0:
        turn[..., -1] = 1.0  # the highest frequency of an even number of samples is real
    return np.fft.irfft(spectrum * turn, n=x.shape[-1], axis=-1)


def _finite(clip: np.ndarray) -> np.ndarray:
    """Leave out the entries without a value: what is applied during a step has none at the start."""
    return clip[np.isfinite(clip).all(axis=-1)].astype(float)
