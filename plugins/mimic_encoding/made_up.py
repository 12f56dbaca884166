"""Neurons that are made up: they encode a source that is known."""

from __future__ import annotations

import numpy as np

from mimic_core import ConfigError, Rollouts, did_you_mean
from mimic_encoding.neural import COUNTS, Neural
from mimic_encoding.sources import binned, sources_of


def made_up(rollouts: Rollouts, code: str, width_s: float, neurons: int, events_hz: float, seed: int) -> Neural:
    """Return Poisson neurons, whose log rate is a random projection of a source in the bins of each trial.

    Columns of the source are standardised; a projection has a standard deviation of 1, so that a neuron is about
    seven times as active at +1 as at −1. Rates are scaled to a mean of ``events_hz``.

    Raises:
        ConfigError: the rollouts have no such source.
    """
    sources = sources_of(rollouts)
    if code not in sources:
        raise ConfigError(f"neural.code: no source {code!r}{did_you_mean(code, sources)}")
    rng = np.random.default_rng(seed)
    last = rollouts.qpos.shape[1] / rollouts.rate_hz
    time = width_s * (0.5 + np.arange(int(last / width_s + 1e-6)))
    x = binned(sources[code], rollouts.rate_hz, time, width_s, np.zeros(1))
    known = np.isfinite(x).all(axis=-1)
    rows = x[known]
    rows = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-12)
    drive = rows @ rng.normal(size=(rows.shape[1], neurons))
    drive /= np.maximum(drive.std(axis=0), 1e-12)
    rate = np.exp(drive)
    rate *= events_hz / rate.mean(axis=0)
    values = np.full((*known.shape, neurons), np.nan)
    values[known] = rng.poisson(rate * width_s)
    return Neural(
        kind_of_value=COUNTS,
        rate_hz=1.0 / width_s,
        first_s=width_s / 2,
        trial_names=rollouts.clip_names,
        neuron_names=tuple(f"made_up_{i + 1}" for i in range(neurons)),
        values=values,
        synthetic=True,
        code=code,
        methods=f"Made-up Poisson neurons; their log rates are random projections of {code} (seed {seed}).",
    )
