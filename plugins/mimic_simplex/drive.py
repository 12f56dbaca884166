"""Surrogates that keep what a trial-specific common drive explains.

Two signals that share a drive can be mapped from one another although neither acts on the other. The drive differs from
trial to trial, so a surrogate that exchanges whole trials takes it away and proves nothing. Here a signal is split in
two. What a shared drive may explain is kept in its own trial:

- the mean course over trials,
- everything slow within the trial: its cosines below a frequency,
- what a quadratic map makes of the other signal shortly before and after, and of further series where some are given.
  A drive that both follow linearly or with a bend shows so at any frequency.

Only the remainder is exchanged between trials, at the same time. A mapping that exceeds such surrogates has found a
nonlinear relation that is fast within a trial. A linear influence looks like a shared drive and is not found.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from mimic_simplex.controls import derangement
from mimic_simplex.neighbours import Stack

REACH = 4
"""Samples before and after an instant at which the other signal, and further series, may tell of the drive."""


@attrs.frozen(eq=False)
class Split:
    """A mapped signal, split.

    Attributes:
        kept: (row,) what a shared drive may explain.
        rest: (row,) the remainder, which surrogates take from another clip.
        inner: (row,) True where `REACH` samples of the same trial lie on both sides; only these are scored.
    """

    kept: np.ndarray
    rest: np.ndarray
    inner: np.ndarray


def split(stack: Stack, drive_hz: float, rate_hz: float, given: np.ndarray | None = None) -> Split:
    """Split the stack's (first) target into what a shared drive may explain and the remainder.

    Both parts together are the target, and within each trial the remainder holds no cosine below ``drive_hz``.

    Args:
        drive_hz: what is slower within a trial counts as drive.
        rate_hz: of the samples.
        given: (row, series) further series that may tell of the drive.
    """
    told = stack.predictors if given is None else np.column_stack([stack.predictors, given])
    spread = told.std(axis=0)
    near = _around(stack, (told - told.mean(axis=0)) / np.where(spread > 0, spread, 1.0))
    features = np.concatenate([near, near**2, near[:, 1:] * near[:, :-1]], axis=1)
    columns = np.column_stack([stack.targets[:, 0], features.reshape(len(told), -1)])
    columns = columns - course(stack, columns)
    fast = columns - _slow(stack, columns, drive_hz, rate_hz)
    rest = fast[:, 0] - fast[:, 1:] @ np.linalg.lstsq(fast[:, 1:], fast[:, 0], rcond=1e-8)[0]
    inner = (stack.place >= REACH) & (stack.left >= REACH)
    return Split(stack.targets[:, 0] - rest, rest, inner)


def course(stack: Stack, values: np.ndarray) -> np.ndarray:
    """(row, column) mean over clips at the same time of values (row, column)."""
    total, count = np.zeros((stack.sample.max() + 1, values.shape[1])), np.zeros(stack.sample.max() + 1)
    np.add.at(total, stack.sample, values)
    np.add.at(count, stack.sample, 1)
    return total[stack.sample] / count[stack.sample, None]


def _around(stack: Stack, values: np.ndarray) -> np.ndarray:
    """(row, lag, column) values up to `REACH` samples before and after; at the ends of a trial its last value."""
    row = np.arange(len(values))[:, None]
    lag = np.clip(np.arange(-REACH, REACH + 1), -stack.place[:, None], stack.left[:, None])
    return values[row + lag]


def _slow(stack: Stack, values: np.ndarray, drive_hz: float, rate_hz: float) -> np.ndarray:
    """Cosines below ``drive_hz`` of each trial: a projection, so that it shares nothing with the remainder."""
    from scipy.fft import dct, idct

    out = np.zeros_like(values)
    for rows in np.split(np.arange(len(values)), np.flatnonzero(np.diff(stack.trial)) + 1):
        wave = dct(values[rows], axis=0, norm="ortho")
        wave[np.arange(len(rows)) / (2 * len(rows) / rate_hz) >= drive_hz] = 0.0
        out[rows] = idct(wave, axis=0, norm="ortho")
    return out


def surrogates(stack: Stack, parts: Split, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """N surrogates (row,): each clip keeps what the drive explains and takes the remainder of another clip.

    NaN at times when the other clip has ended.
    """
    for _ in range(n):
        yield parts.kept + of_other_clips(stack, parts.rest, rng)


def of_other_clips(stack: Stack, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(row,) values (row,) of another clip, drawn at random, at the same time; NaN where that has ended."""
    donor = derangement(len(stack.clips), rng)
    value_at = np.full((len(stack.clips), stack.sample.max() + 1), np.nan)
    value_at[stack.clip, stack.sample] = values
    return value_at[donor[stack.clip], stack.sample]
