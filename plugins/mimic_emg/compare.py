"""Simulated muscles at the instants of EMG samples, and how well the two agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from mimic_core import Emg, Rollouts
from mimic_emg.findings import Compared, Recorded
from mimic_emg.settings import Comparison
from mimic_statistics import mean_and_sem
from mimic_variation import MUSCLE_FORCE


def simulated(rollouts: Rollouts, muscle: str, signal: str, times: np.ndarray, period_s: float) -> np.ndarray:
    """Return a signal of a muscle at given instants.

    An excitation, which holds during control steps, is averaged over the block of ``period_s`` around each instant, as
    an EMG sample is an average; it is NaN where less than half of the block lies within the clip. Activation and force
    are states: they are interpolated linearly.

    Args:
        rollouts: of one controller.
        muscle: of the body.
        signal: ``excitation``, ``activation`` or ``force`` (N).
        times: (sample,) s after the start of a clip.
        period_s: length of a block, s.

    Returns:
        (clip, sample), NaN before and after a clip.
    """
    if signal == "excitation":
        return _block_means(rollouts.of("excitation", muscle), rollouts.rate_hz, times, period_s)
    return _interpolated(rollouts.of("muscle_force" if signal == "force" else signal, muscle), rollouts.rate_hz, times)


def _block_means(values: np.ndarray, rate_hz: float, times: np.ndarray, period_s: float) -> np.ndarray:
    step_end = np.arange(values.shape[1]) / rate_hz
    begin, end = times[:, None] - period_s / 2, times[:, None] + period_s / 2
    overlap = np.clip(np.minimum(end, step_end) - np.maximum(begin, step_end - 1 / rate_hz), 0, None)
    covered = np.isfinite(values) @ overlap.T
    sums = np.nan_to_num(values) @ overlap.T
    return np.where(covered >= period_s / 2 * (1 - 1e-9), sums / np.maximum(covered, 1e-12), np.nan)


def _interpolated(values: np.ndarray, rate_hz: float, times: np.ndarray) -> np.ndarray:
    entry = np.round(times * rate_hz, 9)
    before, last = np.floor(entry).astype(int), values.shape[1] - 1
    after = np.ceil(entry).astype(int)
    share = entry - before
    inside = (before >= 0) & (after <= last)
    low, high = values[:, np.clip(before, 0, last)], values[:, np.clip(after, 0, last)]
    return np.where(inside, low + share * (high - low), np.nan)


def pearson(a: np.ndarray, b: np.ndarray, at_least: int | np.ndarray = 3) -> np.ndarray:
    """Pearson's r over the last axis, where both are finite.

    Args:
        a, b: (…, sample).
        at_least: how many pairs there must be, one number or (…,); fewer than 3 are never enough.

    Returns:
        (…,); NaN for too few pairs, and where one side is constant but for rounding.
    """
    shape = a.shape[:-1]
    # pandas leaves out pairs of which one is missing
    left, right = (pd.DataFrame(x.reshape(math.prod(shape), a.shape[-1]).T) for x in (a, b))
    left, right = left.where(right.notna()), right.where(left.notna())
    varies = left.std(ddof=0) * right.std(ddof=0) > 1e-12
    r = left.corrwith(right).where(varies).to_numpy().reshape(shape)
    return np.where((np.isfinite(a) & np.isfinite(b)).sum(-1) >= np.maximum(3, at_least), r, np.nan)


def agreement(simulated: np.ndarray, recorded: np.ndarray, lags_ms: np.ndarray) -> dict[str, np.ndarray]:
    """Say how well curves agree.

    Args:
        simulated: (lag, …, sample) the simulation, read that much later than the EMG.
        recorded: (…, sample)
        lags_ms: (lag,) among them 0.

    Returns:
        ``mae``, ``rmse``, ``r`` and ``r2_affine`` (see `r2_affine`) without a lag; ``lag_ms``, with the highest r
        (positive: the simulation is later than the EMG), and that ``r_at_lag``, over at least 3 samples and half of
        those that this curve has without a lag; each (…,), NaN where it is not defined.
    """
    now = simulated[int(np.argmin(np.abs(lags_ms)))]
    difference = now - recorded
    n = np.isfinite(difference).sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mae, square = np.nansum(np.abs(difference), -1) / n, np.nansum(difference**2, -1) / n
    r, lag_ms, r_at_lag = pearson(now, recorded), *best_lag(simulated, recorded, lags_ms)
    named = {"mae": mae, "rmse": np.sqrt(square), "r": r, "r2_affine": r2_affine(r)}
    return {**named, "lag_ms": lag_ms, "r_at_lag": r_at_lag}


def r2_affine(r: np.ndarray) -> np.ndarray:
    """R² after the best affine fit ``a + b·simulated`` with b ≥ 0: r² where r > 0, else 0; NaN where r is."""
    return np.maximum(r, 0.0) ** 2


def best_lag(simulated: np.ndarray, recorded: np.ndarray, lags_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lag (…,) ms at which r is highest, and that r (…,); arguments as in `agreement`."""
    now = simulated[int(np.argmin(np.abs(lags_ms)))]
    n = (np.isfinite(now) & np.isfinite(recorded)).sum(-1)
    r = pearson(simulated, np.broadcast_to(recorded, simulated.shape), n // 2)
    best = np.argmax(np.where(np.isfinite(r), r, -np.inf), axis=0)
    highest = np.take_along_axis(r, best[None], 0)[0]
    return np.where(np.isfinite(highest), lags_ms[best], np.nan), highest


def lags(config: Comparison) -> np.ndarray:
    """(lag,) ms, 0 in the middle."""
    n = int(config.largest_lag_ms / config.lag_step_ms + 1e-9)
    return config.lag_step_ms * np.arange(-n, n + 1)


def recorded(emg: Emg, muscle: str, trials: Sequence[str], kept: np.ndarray) -> Recorded:
    """EMG of a muscle in the named trials (all, if none is named) at the ``kept`` samples."""
    i = emg.muscle_names.index(muscle)
    rows = [emg.trial_names.index(t) for t in trials] if trials else list(range(len(emg.trial_names)))
    values = np.asarray(emg.envelope[rows][:, kept, i], float)
    mean, sem = mean_and_sem(values)
    if len(rows) == 1 and emg.sem is not None:
        sem = np.asarray(emg.sem[rows[0]][kept, i], float)
    return Recorded(values, mean, sem)


def compare(
    rollouts: Rollouts,
    muscle: str,
    beside: Recorded,
    trials: Sequence[str],
    times: np.ndarray,
    period_s: float,
    config: Comparison,
) -> Compared:
    """Compare a muscle's signal with what was recorded at ``times`` (sample,) s.

    With ``trials``, only the clips of those names count, in that order; in the mean, only those of trials in which the
    muscle was recorded.
    """
    lags_ms, signal = lags(config), config.signal
    clips = [rollouts.clip_names.index(t) for t in trials] if trials else slice(None)
    values = np.stack([simulated(rollouts, muscle, signal, times + ms / 1e3, period_s)[clips] for ms in lags_ms])
    values = values / reference(rollouts, muscle, signal, values[len(lags_ms) // 2], config)
    clips_of_mean = np.isfinite(beside.trials).any(-1) if trials else slice(None)
    means = np.stack([mean_and_sem(v[clips_of_mean])[0] for v in values])
    now = values[len(lags_ms) // 2]
    mean, sem = mean_and_sem(now[clips_of_mean])
    shared = times[np.isfinite(mean) & np.isfinite(beside.mean)]
    return Compared(
        mean=mean,
        sem=sem,
        shared=shared.size,
        until_ms=1e3 * float(shared[-1]) if shared.size else float("nan"),
        on_mean={k: float(v) for k, v in agreement(means, beside.mean, lags_ms).items()},
        by_trial=agreement(values, beside.trials, lags_ms) if trials else {},
        another_clip=agreement(np.roll(values, 1, axis=1), beside.trials, lags_ms) if len(trials) > 1 else {},
        there=np.isfinite(means),
    )


def reference(rollouts: Rollouts, muscle: str, signal: str, values: np.ndarray, config: Comparison) -> float:
    """What a signal is divided by: 1, the maximum isometric force (N), or a percentile over all ``values``."""
    strongest = max_force(rollouts, muscle)
    if config.normalize == "none" and signal != "force":
        return 1.0
    if config.normalize == "none" and strongest is not None:
        return strongest
    found = np.nanpercentile(values, config.percentile) if np.isfinite(values).any() else 0.0
    return float(found) if found > 0 else 1.0


def max_force(rollouts: Rollouts, muscle: str) -> float | None:
    """Maximum isometric force of a muscle as it was simulated, N; None where the rollouts do not hold it."""
    known = {m.name: m.max_isometric_force for m in rollouts.body.muscles} if rollouts.body is not None else {}
    scale = _force_scale(rollouts)
    if muscle in known or rollouts.body is None:
        return known[muscle] * scale if muscle in known else None
    return _own_forces(rollouts.body.actuators).get(muscle)


@cache
def _own_forces(actuators: str) -> dict[str, float]:
    """Maximum isometric forces (N) of muscles that the model itself has, where it says them."""
    import mujoco

    spec = mujoco.MjSpec.from_string(actuators) if actuators else mujoco.MjSpec()
    muscles = [a for a in spec.actuators if a.gaintype == mujoco.mjtGain.mjGAIN_MUSCLE]
    return {a.name: float(a.gainprm[MUSCLE_FORCE]) for a in muscles if a.gainprm[MUSCLE_FORCE] > 0}


def _force_scale(rollouts: Rollouts) -> float:
    """Factor on the muscles' forces that the actuation was set to; 1 where it has no such setting."""
    settings = {} if rollouts.training is None else rollouts.training.plan.settings
    return float(settings.get("actuation", {}).get("force_scale", 1.0))
