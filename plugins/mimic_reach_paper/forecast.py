"""Simplex projection with leads for lags, and a shuffled control with another embedding."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from mimic_core import Emg, Rollouts
from mimic_reach_paper.camera import steps_per_frame
from mimic_reach_paper.emg import beside, muscle_map
from mimic_reach_paper.findings import Missing, Pair
from mimic_reach_paper.settings import Compat

PUBLISHED_NEIGHBOURS = 2
"""of the published control: pyEDM takes E + 1, and it was called with E = 1"""


@attrs.frozen(eq=False)
class Vectors:
    """Embedding vectors with their targets, library first.

    Attributes:
        x: (vector, coordinate).
        y: (vector,) the target Tp frames later.
        library: how many vectors belong to the library.
        now: (vector,) the target at the instant that is forecast from.
        frame: (vector,) that instant, in frames of its clip.
    """

    x: np.ndarray
    y: np.ndarray
    library: int
    now: np.ndarray
    frame: np.ndarray


def forecast_pairs(rollouts: Rollouts, emg: Emg | None, settings: Compat) -> Iterator[Pair | Missing]:
    """Pearson's r, which the notebook calls ρ, of forecasts with leads and with lags, and of both controls."""
    muscles = muscle_map(rollouts, emg, settings)
    recorded = beside(rollouts, emg, settings) if emg else None
    single = recorded is not None and recorded.single
    for name, muscle in muscles.items():
        if single:
            clips = [c for (c,) in recorded.clips]
            frames = _frames(rollouts, settings)
            targets = [np.interp(frames, recorded.time, e, right=np.nan) for e in recorded.envelope[name]]
            what = f"{name} EMG"
        else:
            clips = list(range(len(rollouts.clip_names)))
            each = steps_per_frame(rollouts.rate_hz, settings.camera_hz)
            targets = list(rollouts.of("excitation", muscle)[:, ::each])
            what = muscle
        made = {d: _vectors(rollouts, clips, targets, single, d, settings) for d in (-1, 1)}
        if any(_too_few(v) for v in made.values()):
            yield Missing("forecast", f"too few frames to forecast {what}; roll out more or longer clips")
            continue
        leads, lags = made[-1], made[1]
        forecasts = (_score(v, lags.x.shape[1] + 1) for v in (leads, lags))
        yield Pair(("forecast", name, "r"), f"{what}, r", *forecasts, nulls=null_forecasts(lags))
        controls = (_control(leads, True, settings), _control(lags, False, settings))
        yield Pair(("forecast_control", name, "r"), f"{what}, r", *controls)
    if not muscles:
        for key in ("forecast", "forecast_control"):
            yield Missing(key, "no recorded muscle is mapped to one of these rollouts; name one with --set muscles")


def null_forecasts(v: Vectors) -> dict[str, float]:
    """Pearson's r of forecasts that know no joint: the target stays as it is, and the library's mean at that frame."""
    of_library = slice(None, v.library)
    sums = np.bincount(v.frame[of_library], v.y[of_library], minlength=v.frame.max() + 1)
    n = np.bincount(v.frame[of_library], minlength=v.frame.max() + 1)
    mean = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
    made = {"persistence": v.now[v.library :], "mean course": mean[v.frame[v.library :]]}
    return {name: _pearson(v.y[v.library :], forecast) for name, forecast in made.items()}


def _pearson(seen: np.ndarray, made: np.ndarray) -> float:
    from scipy.stats import pearsonr

    both = np.isfinite(seen) & np.isfinite(made)
    if both.sum() < 3 or np.ptp(seen[both]) == 0 or np.ptp(made[both]) == 0:
        return float("nan")
    return float(pearsonr(seen[both], made[both]).statistic)


def _frames(rollouts: Rollouts, settings: Compat) -> np.ndarray:
    return rollouts.time[:: steps_per_frame(rollouts.rate_hz, settings.camera_hz)]


def _vectors(
    rollouts: Rollouts, clips: list[int], targets: list[np.ndarray], with_actions: bool, sign: int, settings: Compat
) -> Vectors:
    """Embed every clip by itself: copies later by ``-sign`` frames each, targets ``Tp`` frames later."""
    each = steps_per_frame(rollouts.rate_hz, settings.camera_hz)
    held_out = [rollouts.split[c] == "held_out" for c in clips]
    if all(held_out) or not any(held_out):  # as published: the first clips are the library
        held_out = [i >= round(0.7 * len(clips)) for i in range(len(clips))]
    sources = [(rollouts.joint_pos, settings.joint_copies)]
    if with_actions:
        sources.append((rollouts.excitation, settings.action_copies))
    parts: dict[bool, list[np.ndarray]] = {False: [], True: []}
    for c, target, apart in zip(clips, targets, held_out, strict=True):
        frames = [a[c, ::each] for a, _ in sources]
        n = min(len(frames[0]), len(target))
        columns = [
            _moved(a[:n], sign * k) for a, (_, copies) in zip(frames, sources, strict=True) for k in range(copies)
        ]
        times = np.arange(n, dtype=float)[:, None]
        block = np.concatenate([times, target[:n, None], *columns, _moved(target[:n, None], -settings.Tp)], axis=1)
        parts[apart].append(block[np.isfinite(block).all(axis=1)])
    library, rest = (np.concatenate(parts[k]) if parts[k] else np.empty((0, 1)) for k in (False, True))
    if not len(library) or not len(rest):
        return Vectors(np.empty((0, 1)), np.empty(0), 0, np.empty(0), np.empty(0))
    sd, rows = library.std(axis=0), np.concatenate([library, rest])
    z = (rows - library.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
    return Vectors(z[:, 2:-1], z[:, -1], len(library), rows[:, 1], rows[:, 0].astype(int))


def _moved(a: np.ndarray, by: int) -> np.ndarray:
    """Rows ``by`` later (earlier where negative), NaN where none came from."""
    out = np.full_like(a, np.nan, dtype=float)
    if by >= 0:
        out[by:] = a[: len(a) - by]
    else:
        out[:by] = a[-by:]
    return out


def _too_few(v: Vectors) -> bool:
    return v.library < v.x.shape[1] + 2 or len(v.y) - v.library < 3


def _score(v: Vectors, neighbours: int) -> float:
    """Pearson's r between what is observed and forecast by simplex projection (pyEDM)."""
    import pandas as pd
    from pyEDM import Simplex

    columns = [f"x{i}" for i in range(v.x.shape[1])]
    frame = pd.DataFrame(np.column_stack([np.arange(1, len(v.y) + 1), v.x, v.y]), columns=["Time", *columns, "y"])
    out = Simplex(
        dataFrame=frame,
        columns=columns,
        target="y",
        lib=[1, v.library],
        pred=[v.library + 1, len(v.y)],
        E=len(columns),
        Tp=0,  # the target is already that of Tp frames later
        knn=neighbours,
        embedded=True,
    )
    return _pearson(out["Observations"].to_numpy(), out["Predictions"].to_numpy())


def _control(v: Vectors, published: bool, settings: Compat) -> float:
    """Mean over shuffles: of every column and the whole target as published, else of the library's targets alone."""
    rng = np.random.default_rng(settings.seed)
    scores = []
    for _ in range(settings.shuffles):
        if published:
            mixed = attrs.evolve(v, x=rng.permuted(v.x, axis=0), y=rng.permutation(v.y))
            scores.append(_score(mixed, PUBLISHED_NEIGHBOURS))
        else:
            y = np.concatenate([rng.permutation(v.y[: v.library]), v.y[v.library :]])
            scores.append(_score(attrs.evolve(v, y=y), v.x.shape[1] + 1))
    return float(np.mean(scores))
