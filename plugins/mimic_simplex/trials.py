"""From rollouts to the rows that simplex projection works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core import ConfigError, DataError, Rollouts
from mimic_core.errors import did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from mimic_simplex import Settings


@attrs.frozen(eq=False)
class Trial:
    """An unbroken stretch of one clip at the analysis rate.

    Attributes:
        clip: name of the clip.
        library: belongs to the library (else to what is predicted).
        time: (sample,) s since the clip's start.
        joints: (sample, joint) rad, or z-scored.
        targets: (sample, target), or z-scored.
    """

    clip: str
    library: bool
    time: np.ndarray
    joints: np.ndarray
    targets: np.ndarray


@attrs.frozen(eq=False)
class Rows:
    """All trials under one another, parted by NaN rows, and where library and prediction lie.

    Attributes:
        frame: ``Time`` (row number), ``joint:NAME`` and ``target:NAME`` columns.
        library: first and last row (from 1, both included) of each trial with library vectors.
        predict: the same for the trials to predict; the rows forecast *from*.
        library_rows: (row,) True where the target belongs to the library.
        trial: (row,) index of the trial, -1 in the padding.
    """

    frame: pd.DataFrame
    library: list[tuple[int, int]]
    predict: list[tuple[int, int]]
    library_rows: np.ndarray
    trial: np.ndarray


def chosen(wanted: tuple[str, ...], known: tuple[str, ...], key: str, what: str) -> tuple[str, ...]:
    """Return ``wanted``, or everything known where nothing is named.

    Raises:
        ConfigError: a name is unknown.
    """
    for name in wanted:
        if name not in known:
            near = did_you_mean(name, known)
            raise ConfigError(f"analyze.simplex.{key}: no {what} {name!r} in these rollouts{near}")
    return wanted or known


def split_clips(rollouts: Rollouts, settings: Settings) -> tuple[np.ndarray, str]:
    """Return (clip,) True for library clips, and how they were chosen.

    Raises:
        DataError: no clip is left for one of the two sides.
    """
    held = np.array(rollouts.split) == "held_out"
    if settings.split == "rollouts" and held.any() and not held.all():
        return ~held, "rollouts"
    n = len(held)
    n_held = round(settings.held_out * n)
    if n < 2 or not 0 < n_held < n:
        raise DataError(
            f"simplex: no held-out clips: a share of {settings.held_out:g} of {n} clip(s) leaves library "
            "or prediction empty; roll out more clips or change analyze.simplex.held_out"
        )
    library = np.ones(n, bool)
    library[np.random.default_rng(settings.seed).permutation(n)[:n_held]] = False
    return library, "fraction"


def trials_of(
    rollouts: Rollouts, joints: tuple[str, ...], targets: tuple[str, ...], library: np.ndarray, settings: Settings
) -> list[Trial]:
    """Cut the rollouts into unbroken trials at the analysis rate and standardise them.

    Joint angles and activations are states and are picked at the analysis instants; an excitation
    holds for a control step and is averaged over the steps that end at each analysis instant.

    Raises:
        ConfigError: the analysis rate does not divide the control rate.
    """
    ratio = rollouts.rate_hz / settings.rate_hz
    step = round(ratio)
    if step < 1 or abs(ratio - step) > 1e-6:
        able = ", ".join(f"{rollouts.rate_hz / k:g}" for k in (1, 2, 4, 5, 8))
        raise ConfigError(
            f"analyze.simplex.rate_hz: must divide the control rate of {rollouts.rate_hz:g} Hz "
            f"(e.g. {able}), got {settings.rate_hz:g}"
        )
    angle = np.stack([rollouts.of("joint_pos", j) for j in joints], axis=-1)
    signal = np.stack([rollouts.of(settings.signal, m) for m in targets], axis=-1)
    if settings.signal == "excitation":
        signal = _average_before(signal, step)
    trials = []
    for c, (name, n) in enumerate(zip(rollouts.clip_names, rollouts.n_steps, strict=True)):
        at = np.arange(0, n, step)
        q, y = angle[c, at], signal[c, at]
        whole = np.isfinite(q).all(-1) & np.isfinite(y).all(-1)
        for run in np.split(np.arange(len(at)), np.flatnonzero(np.diff(whole)) + 1):
            if len(run) and whole[run].all():
                trials.append(Trial(name, bool(library[c]), at[run] / rollouts.rate_hz, q[run], y[run]))
    return _standardize(trials, settings)


def _average_before(signal: np.ndarray, step: int) -> np.ndarray:
    """Mean of the ``step`` entries that end at each entry, NaN before there are so many; signal (clip, step, n)."""
    out = np.full_like(signal, np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(signal, step, axis=1)
    out[:, step - 1 :] = windows.mean(-1)
    return out


def _standardize(trials: list[Trial], settings: Settings) -> list[Trial]:
    if settings.standardize == "trial":
        return [attrs.evolve(t, joints=_z(t.joints, t.joints), targets=_z(t.targets, t.targets)) for t in trials]
    library = [t.joints for t in trials if t.library]
    if settings.standardize == "none" or not library:
        return trials
    known = np.concatenate(library)
    return [attrs.evolve(t, joints=_z(t.joints, known)) for t in trials]


def _z(x: np.ndarray, of: np.ndarray) -> np.ndarray:
    sd = of.std(axis=0)
    return (x - of.mean(axis=0)) / np.where(sd > 0, sd, 1.0)


def rows_of(trials: list[Trial], joints: tuple[str, ...], targets: tuple[str, ...], settings: Settings) -> Rows:
    """Put the trials under one another so that neither a delay nor a forecast reaches from one into the next.

    Raises:
        DataError: too few samples for this embedding.
    """
    import pandas as pd

    # A vector reaches back by `shift`, its target ahead by Tp: one gap of E*|tau| + Tp is wider than either.
    pad = settings.E * -settings.tau + settings.Tp
    columns = [f"joint:{j}" for j in joints] + [f"target:{m}" for m in targets]
    gap = np.full((pad, len(columns)), np.nan)
    blocks, of_trial, start = [gap], [np.full(pad, -1)], pad
    library, predict, vectors = [], [], 0
    need = settings.shift + settings.Tp
    for i, t in enumerate(trials):
        n = len(t.time)
        if t.library and n > need:
            library.append((start + 1, start + n))
            vectors += n - need
        elif not t.library and n > need + 1:
            predict.append((start + 1, start + n - settings.Tp))
        blocks += [np.concatenate([t.joints, t.targets], axis=1), gap]
        of_trial += [np.full(n, i), np.full(pad, -1)]
        start += n + pad
    wanted = f"E = {settings.E}, tau = {settings.tau}, Tp = {settings.Tp} at {settings.rate_hz:g} Hz"
    if vectors < settings.k or not predict:
        which = f"{vectors} library vectors, {settings.k} needed" if predict else "no held-out clip is long enough"
        raise DataError(
            f"simplex: too few samples for {wanted}: {which} (a clip needs more than {need + 1} samples); "
            "use longer clips, a higher analyze.simplex.rate_hz or a smaller analyze.simplex.Tp"
        )
    trial = np.concatenate(of_trial)
    frame = pd.DataFrame(np.concatenate(blocks), columns=columns)
    frame.insert(0, "Time", np.arange(1, len(frame) + 1))
    in_library = np.array([t.library for t in trials])
    # pyEDM shortens the last library span by Tp itself, and only that one.
    spans = [(a, b - settings.Tp) for a, b in library[:-1]] + library[-1:]
    return Rows(frame, spans, predict, (trial >= 0) & in_library[trial], trial)
