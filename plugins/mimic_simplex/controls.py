"""Controls of a forecast: what chance gives, and what the repetition of one movement explains."""

from __future__ import annotations

import numpy as np

from mimic_simplex.neighbours import Cloud, Neighbours, Stack


def shuffled(stack: Stack, rng: np.random.Generator) -> np.ndarray:
    """Targets (row, target) with the library's values permuted, each target by itself."""
    known = stack.targets.copy()
    known[stack.library] = rng.permuted(known[stack.library], axis=0)
    return known


def derangement(n: int, rng: np.random.Generator) -> np.ndarray:
    """A random permutation of n that leaves nothing in its place; every one is as likely as any other."""
    while True:
        order = rng.permutation(n)
        if (order != np.arange(n)).all():
            return order


def surrogate(cloud: Cloud, tp: int, k: int, rng: np.random.Generator) -> Neighbours:
    """Forecast each predicted clip from the predictors of another predicted clip at the same time.

    The other clip is drawn at random, a derangement of all. Library and embedding stay; where clips are left out, both
    the clip that is forecast and the one that lends its predictors are.
    """
    stack = cloud.stack
    clips = np.unique(stack.clip[stack.predict])
    donor = np.full(len(stack.clips), -1)
    donor[clips] = clips[derangement(len(clips), rng)]
    vector_at = np.full((len(stack.clips), stack.sample.max() + 1), -1)
    vector_at[stack.clip[cloud.row], stack.sample[cloud.row]] = np.arange(len(cloud.row))
    rows = np.flatnonzero(stack.predict & (stack.left >= tp) & (stack.place >= cloud.shift))
    of = vector_at[donor[stack.clip[rows]], stack.sample[rows]]
    rows, of = rows[of >= 0], of[of >= 0]
    both = np.stack([stack.clip[rows], donor[stack.clip[rows]]], axis=1)
    return cloud.neighbours(tp, k, ask=rows, of=of, not_of=np.where(stack.library[rows][:, None], both, -1))
