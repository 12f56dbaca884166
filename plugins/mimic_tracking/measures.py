"""What tables and figures of rollouts share: splits of the clips, clips that stand for the others, percentiles."""

from __future__ import annotations

import warnings

import numpy as np

from mimic_core import Rollouts


def representative(rollouts: Rollouts) -> dict[str, int]:
    """Indices of the (held-out) clip with the median error and of the clip with the largest error."""
    label = "median held-out clip" if "held_out" in rollouts.split else "median clip"
    return {label: rollouts.median_clip(), "worst clip": int(np.argmax(rollouts.clip_errors_mm()))}


def splits(rollouts: Rollouts) -> dict[str, np.ndarray]:
    """Split → (clip,) True for its clips, held-out first; ``all`` only where there are several."""
    names = sorted(set(rollouts.split), key=lambda s: (s != "held_out", s))
    out = {s: np.array(rollouts.split) == s for s in names}
    return out if len(out) == 1 else {**out, "all": np.ones(len(rollouts.split), bool)}


def over_clips(values: np.ndarray, n_steps: np.ndarray) -> np.ndarray:
    """Cut (clip, step, …) to the steps that at least half of the clips reach."""
    return values[:, : int(np.sort(n_steps)[len(n_steps) // 2])]


def quantiles(values: np.ndarray, q: tuple[float, ...]) -> np.ndarray:
    """(q, step) percentiles over clips; steps that no clip has (an excitation's first) are NaN."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        return np.nanpercentile(values, q, axis=0)
