"""Long recordings: what part of them calibrates the animal, and in what chunks the rest is followed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from mimic_stac.calibrate import Data
from mimic_stac.kinematics import KinematicTree

WHOLE = 8e6  # numbers in the Jacobian of the frames that are fitted together: memory and time of an iteration
SAMPLE = 2e6  # of those that calibrate a recording that is too long for that, and of its chunks
COARSE = 1e6  # and of those that a first calibration takes
MOST_FRAMES = 8000  # whatever the body: what a frame costs does not fall below what its bands and rotations cost
_SNIPPET, _SHORTEST = 25, 8  # frames; clips are many where each has the shorter
_OVERLAP = 25
_MOST_AT_ONCE = 4  # chunks that are fitted side by side: each takes memory of its own
_GOLDEN = 0.618034  # multiples of it, without their whole part, are spread evenly


def frames_at_once(kin: KinematicTree, work: float = WHOLE) -> int:
    """How many frames make that much ``work``, or are `MOST_FRAMES`."""
    return min(MOST_FRAMES, max(4 * _SNIPPET, int(work / (3 * len(kin.site_body) * kin.nv))))


def sample(data: Data, kin: KinematicTree, work: float = WHOLE) -> tuple[Data, np.ndarray]:
    """Return frames that calibrate the animal, and their numbers: all, or snippets of each piece, evenly spread."""
    n = len(data.pos)
    if n <= frames_at_once(kin, work):
        return data, np.arange(n)
    share = frames_at_once(kin, min(work, SAMPLE)) / n
    frames, piece = [], []
    pieces = _runs(data.piece)
    long = int(np.clip(share * n / len(pieces), _SHORTEST, _SNIPPET))
    for of_piece in pieces:
        count, room = max(1, round(share * len(of_piece) / long)), max(0, len(of_piece) - long)
        # a single snippet lies elsewhere in each piece, lest all show the same part of a movement
        starts = (np.linspace(0, room, count) if count > 1 else np.array([room * (_GOLDEN * len(frames) % 1)])).astype(
            int
        )
        for first in starts:
            frames.append(of_piece[first : first + long])
            piece.append(np.full(len(frames[-1]), len(piece)))
    chosen = np.concatenate(frames)
    return data.pick(chosen, np.concatenate(piece)), chosen


def chunks(data: Data, kin: KinematicTree) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (frames, keep): numbers of consecutive frames, and which of them are to be kept.

    A chunk holds whole clips, as many as fit; a longer clip is cut into chunks that overlap.
    """
    size = frames_at_once(kin, SAMPLE)
    waiting: list[np.ndarray] = []
    for of_clip in _runs(data.clip):
        if waiting and sum(map(len, waiting)) + len(of_clip) > size:
            yield _whole(waiting)
            waiting = []
        if len(of_clip) <= size:
            waiting.append(of_clip)
            continue
        for first in range(0, len(of_clip), size):
            end = min(first + size, len(of_clip))
            low, high = max(0, first - _OVERLAP), min(len(of_clip), end + _OVERLAP)
            yield of_clip[low:high], np.arange(first - low, end - low)
    if waiting:
        yield _whole(waiting)


def side_by_side(do: Callable[[Any], Any], parts: Sequence[Any]) -> Iterator[Any]:
    """Yield ``do(part)`` of each part, in their order; as many at once as there are processors.

    An error, or being stopped, ends it without doing the parts that have not begun.
    """
    with ThreadPoolExecutor(max(1, min(_MOST_AT_ONCE, os.cpu_count() or 1, len(parts)))) as threads:
        try:
            yield from threads.map(do, parts)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _runs(number: np.ndarray) -> list[np.ndarray]:
    """Split (frame,) rising numbers into the frames of each."""
    return np.split(np.arange(len(number)), np.flatnonzero(np.diff(number)) + 1)


def _whole(clips: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    frames = np.concatenate(clips)
    return frames, np.arange(len(frames))
