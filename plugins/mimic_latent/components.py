"""Principal components of what a network holds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.decomposition import PCA

from mimic_core import Rollouts
from mimic_latent.findings import Components

INTENTION = "intention"
_MEAN = "intention_mean"


def layers_of(rollouts: Rollouts) -> dict[str, np.ndarray]:
    """Every layer, (clip, step, unit), in the order in which the network computes them; the intention is its mean."""
    found = rollouts.layers
    before = {k: v for k, v in found.items() if k.startswith("encoder")}
    after = {k: v for k, v in found.items() if k not in before}
    intention = {INTENTION: rollouts.record[_MEAN]} if _MEAN in rollouts.record else {}
    return {**before, **intention, **after}


def rows(values: np.ndarray, n_steps: np.ndarray) -> list[np.ndarray]:
    """One array (instant, unit) per clip; the entry at the clip's start has no value and is left out."""
    return [v[1:n].astype(float) for v, n in zip(values, n_steps, strict=True)]


def components(clips: list[np.ndarray]) -> Components:
    """Fit the principal components of the pooled rows; units are centred and not scaled."""
    pooled = np.concatenate(clips)
    if not np.ptp(pooled, axis=0).any():
        return Components(np.zeros(min(pooled.shape)), None)
    pca = PCA().fit(pooled)
    return Components(np.maximum(pca.explained_variance_, 0.0), pca)


def all_components(rollouts: Rollouts) -> Mapping[str, Components]:
    """Return the components of every layer of one file of rollouts."""
    return {name: components(rows(v, rollouts.n_steps)) for name, v in layers_of(rollouts).items()}
