"""Activity without coordination: what synergies account for where muscles know nothing of one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

TIME, TRIALS, NOISE = "instants shuffled", "trials shuffled", "noise as slow"
KEYS = {TIME: "instants_shuffled", TRIALS: "trials_shuffled", NOISE: "noise_as_slow"}
"""name → key in the metrics"""
ITERATIONS = 30
"""of the surrogates; what is left changes no VAF in its third digit"""


def shuffled_instants(clips: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Permute every muscle's instants (clip: (instant, muscle)) on its own: the same values, no timing at all."""
    return rng.permuted(np.concatenate(clips), axis=0)


def shuffled_trials(clips: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Give every muscle the courses of another order of clips: each keeps its own, and the part that all clips share.

    Clips of different length are cut to the shortest that meet.
    """
    order = rng.permuted(np.tile(np.arange(len(clips))[:, None], clips[0].shape[1]), axis=0)
    out = []
    for row in order:
        n = min(len(clips[c]) for c in row)
        out.append(np.stack([clips[c][:n, m] for m, c in enumerate(row)], axis=1))
    return np.concatenate(out)


def noise_as_slow(clips: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Replace every muscle's course in every clip by noise of the same values and the same autocorrelation."""
    return np.concatenate([surrogate(clip, rng) for clip in clips])


def surrogate(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return columns (instant, muscle) with each one's values and power spectrum, and nothing else of it.

    Iterated amplitude-adjusted Fourier transform (Schreiber & Schmitz 1996, doi:10.1103/PhysRevLett.77.635): the power
    spectrum, and so the autocorrelation, is nearly that of x; the values are exactly its, so none is negative.
    """
    values, size = np.sort(x, axis=0), np.abs(np.fft.rfft(x, axis=0))
    y = rng.permuted(x, axis=0)
    for _ in range(ITERATIONS):
        phase = np.exp(1j * np.angle(np.fft.rfft(y, axis=0)))
        rank = np.argsort(np.argsort(np.fft.irfft(size * phase, n=len(x), axis=0), axis=0), axis=0)
        y = np.take_along_axis(values, rank, axis=0)
    return y


NULLS: dict[str, Callable[[Sequence[np.ndarray], np.random.Generator], np.ndarray]] = {
    TIME: shuffled_instants,
    TRIALS: shuffled_trials,
    NOISE: noise_as_slow,
}
"""name → ``(clips, random numbers) -> (instant, muscle)``"""
