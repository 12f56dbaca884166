"""Simplex projection: delay vectors, their nearest neighbours, and the forecasts that these make.

The rules are those of pyEDM's ``Simplex``, ties included, and the tests hold them to its numbers. Here one search
serves every horizon, target and control, and clips can be left out one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from mimic_simplex.trials import Trial

_WIDTH, _WIDEN = 32, 4
_LEAST_DISTANCE = 1e-6
"""Distances below count as this much, as in pyEDM."""


@attrs.frozen(eq=False)
class Stack:
    """The samples of all trials under one another.

    Attributes:
        predictors: (row, predictor).
        targets: (row, target).
        clip: (row,) number of the clip.
        sample: (row,) number of the sample in its clip.
        trial: (row,) number of the trial.
        place: (row,) samples of the same trial before this one.
        left: (row,) samples of the same trial after this one.
        library, predict: (row,) see `Trial`.
        clips: names of the clips.
    """

    predictors: np.ndarray
    targets: np.ndarray
    clip: np.ndarray
    sample: np.ndarray
    trial: np.ndarray
    place: np.ndarray
    left: np.ndarray
    library: np.ndarray
    predict: np.ndarray
    clips: tuple[str, ...]

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> Stack:
        """Put trials under one another."""
        lengths = [len(t.time) for t in trials]
        clips = tuple(dict.fromkeys(t.clip for t in trials))
        place = np.concatenate([np.arange(n) for n in lengths])

        def each(values: Sequence) -> np.ndarray:
            return np.repeat(values, lengths)

        return cls(
            predictors=np.concatenate([t.predictors for t in trials]),
            targets=np.concatenate([t.targets for t in trials]),
            clip=each([clips.index(t.clip) for t in trials]),
            sample=np.concatenate([t.sample for t in trials]),
            trial=each(range(len(trials))),
            place=place,
            left=each(lengths) - 1 - place,
            library=each([t.library for t in trials]),
            predict=each([t.predict for t in trials]),
            clips=clips,
        )


@attrs.frozen(eq=False)
class Neighbours:
    """The library rows that forecast some rows, and how much each weighs.

    Attributes:
        row: (forecast,) row that is forecast from.
        near: (forecast, k) rows of the nearest library vectors.
        weight: (forecast, k) adding up to 1.
        Tp: horizon, samples.
    """

    row: np.ndarray
    near: np.ndarray
    weight: np.ndarray
    Tp: int

    def forecast(self, targets: np.ndarray) -> np.ndarray:
        """(forecast, target) from targets (row, target): the neighbours' values Tp samples later, averaged."""
        return np.einsum("fk,fkt->ft", self.weight, targets[self.near + self.Tp])

    def of(self, kept: np.ndarray) -> Neighbours:
        """Those of the forecasts that are ``kept`` (forecast,)."""
        return Neighbours(self.row[kept], self.near[kept], self.weight[kept], self.Tp)


class Cloud:
    """The delay vectors (Takens 1981) of one E and tau, and the tree of those that belong to the library."""

    def __init__(self, stack: Stack, E: int, tau: int) -> None:
        from scipy.spatial import KDTree

        self.stack, self.E, self.tau = stack, E, tau
        self.shift = (E - 1) * -tau
        self.row = np.flatnonzero(stack.place >= self.shift)
        delayed = stack.predictors[self.row[:, None] + tau * np.arange(E)]
        self.vector = delayed.swapaxes(1, 2).reshape(len(self.row), E * stack.predictors.shape[1])
        self.library = self.row[stack.library[self.row]]
        self._tree = KDTree(self.vector[stack.library[self.row]]) if len(self.library) else None
        self._seen: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}

    def library_size(self, tp: int) -> int:
        """Library vectors whose target lies in the same trial."""
        return int((self.stack.left[self.library] >= tp).sum())

    def asked(self, tp: int) -> np.ndarray:
        """(vector,) True where a vector of a predicted trial has a target to be compared with."""
        return self.stack.predict[self.row] & (self.stack.left[self.row] >= tp)

    def neighbours(
        self,
        tp: int,
        k: int,
        *,
        ask: np.ndarray | None = None,
        of: np.ndarray | None = None,
        not_of: np.ndarray | None = None,
    ) -> Neighbours:
        """Find the k nearest library vectors and weigh them by exp(-d / d_min) (Sugihara & May 1990).

        Library vectors whose target would lie beyond their trial do not count, nor do those of a banned clip. Of
        vectors at the same distance those nearest in row number come first, then the earlier, as in pyEDM. What lacks
        k neighbours is left out.

        Args:
            ask: (forecast,) rows forecast from; None means all of the predicted trials.
            of: (forecast,) numbers of the vectors to look from, None for the rows' own.
            not_of: (forecast, n) clips whose vectors do not count; None bans the row's own clip where it is predicted
                from others.
        """
        stack = self.stack
        if ask is None:
            of = np.flatnonzero(self.asked(tp))
            ask = self.row[of]
        elif of is None:
            of = np.searchsorted(self.row, ask)
        if not_of is None:
            not_of = np.where(stack.library[ask], stack.clip[ask], -1)[:, None]
        near, distance = np.zeros((len(ask), k), int), np.full((len(ask), k), np.inf)
        todo, width, n = np.arange(len(ask)), max(_WIDTH, 2 * k), len(self.library)
        while len(todo) and self._tree is not None:
            width = min(width, n)
            d, candidate = self._look(of[todo], width)
            allowed = stack.left[candidate] >= tp
            for clip in not_of[todo].T:
                allowed &= stack.clip[candidate] != clip[:, None]
            done = self._nearest(ask[todo], d, candidate, allowed, tp, near, distance, todo, width == n)
            todo, width = todo[~done], width * _WIDEN
        found = np.isfinite(distance[:, -1])
        near, distance = near[found], distance[found]
        weight = np.exp(-distance / np.maximum(distance[:, :1], _LEAST_DISTANCE))
        return Neighbours(ask[found], near, weight / weight.sum(1, keepdims=True), tp)

    def _look(self, of: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Distances and rows (vector, width) of the nearest library vectors; asked again, remembered."""
        if width not in self._seen:
            shape = (len(self.row), width)
            self._seen[width] = np.full(len(self.row), False), np.empty(shape), np.empty(shape, int)
        have, distance, row = self._seen[width]
        new = np.unique(of[~have[of]])
        if len(new):
            d, i = self._tree.query(self.vector[new], k=np.arange(1, width + 1))
            have[new], distance[new], row[new] = True, d, self.library[i]
        return distance[of], row[of]

    def _nearest(self, ask, d, candidate, allowed, tp, near, distance, todo, all_seen) -> np.ndarray:
        """Fill in the k nearest allowed candidates of each row; return which rows are done."""
        k = near.shape[1]
        rank = allowed.cumsum(1)
        more = rank[:, -1] > k
        at = np.flatnonzero(more)
        first = np.nonzero((allowed & (rank <= k + 1))[at])[1].reshape(len(at), k + 1)
        ds = np.take_along_axis(d[at], first, 1)
        clear = (np.diff(ds, axis=1) > 0).all(1)
        at, first, ds = at[clear], first[clear, :k], ds[clear, :k]
        near[todo[at]], distance[todo[at]] = np.take_along_axis(candidate[at], first, 1), ds
        done = np.full(len(todo), False)
        done[at] = True
        number = np.arange(len(self.stack.clip)) + (self.stack.trial + 1) * (
            self.E * -self.tau + tp
        )  # rows of pyEDM's table
        for i in np.flatnonzero(~done):
            c, dist = candidate[i][allowed[i]], d[i][allowed[i]]
            if not all_seen and (len(c) < k or dist[k - 1] == d[i, -1]):
                continue  # others at this distance may not have been seen
            order = np.lexsort((number[c], np.abs(number[c] - number[ask[i]]), dist))[:k]
            near[todo[i], : len(order)], distance[todo[i], : len(order)] = c[order], dist[order]
            done[i] = True
        return done
