"""From rollouts and EMG to trials at the analysis rate."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from mimic_core import ConfigError, DataError, Emg, Rollouts, did_you_mean

KINDS = ("joint", "muscle", "emg")
"""A variable is named ``kind:name``, e.g. ``joint:elbow``."""


@attrs.frozen(eq=False)
class Trial:
    """An unbroken stretch of one clip at the analysis rate.

    Attributes:
        clip: name of the clip.
        library: others may be predicted from it.
        predict: it is predicted; if it belongs to the library too, from all other clips.
        time: (sample,) s since the clip's start.
        sample: (sample,) number of the sample in its clip.
        predictors: (sample, predictor) rad or as recorded, or z-scored.
        targets: (sample, target), or z-scored.
    """

    clip: str
    library: bool
    predict: bool
    time: np.ndarray
    sample: np.ndarray
    predictors: np.ndarray
    targets: np.ndarray


@attrs.frozen
class Signals:
    """The recorded and simulated signals that variables are taken from.

    Attributes:
        analysis: name of the analysis, for messages.
        signal: what of a simulated muscle.
        kinematics: ``rollout`` or ``reference``.
        rate_hz: analysis rate, Hz.
    """

    analysis: str
    rollouts: Rollouts
    emg: Emg | None
    signal: str
    kinematics: str
    rate_hz: float

    def names(self, kind: str) -> tuple[str, ...]:
        """Names of a kind of variable."""
        r = self.rollouts
        if kind == "emg":
            return self.emg.muscle_names if self.emg else ()
        return r.joint_names if kind == "joint" else r.muscle_names or r.actuator_names

    def pick(self, kind: str, wanted: Sequence[str], key: str) -> tuple[str, ...]:
        """Return ``wanted``, or every name of the kind where none is named, as ``kind:name``.

        Raises:
            ConfigError: a name is unknown.
        """
        known = self.names(kind)
        for name in wanted:
            if name not in known:
                near, where = did_you_mean(name, known), "this EMG" if kind == "emg" else "these rollouts"
                what = {"emg": "recorded muscle"}.get(kind, kind)
                raise ConfigError(f"analyze.{self.analysis}.{key}: no {what} {name!r} in {where}{near}")
        return tuple(f"{kind}:{name}" for name in wanted or known)

    def variables(self, wanted: Sequence[str], key: str = "variables") -> tuple[str, ...]:
        """Check variables that a user names as ``kind:name``.

        Raises:
            ConfigError: no such kind or name.
        """
        for label in wanted:
            kind, colon, name = label.partition(":")
            if kind not in KINDS or not colon:
                raise ConfigError(
                    f"analyze.{self.analysis}.{key}: {label!r} names no variable; expected joint:NAME, muscle:NAME "
                    f"or emg:NAME, e.g. joint:{self.rollouts.joint_names[0]}"
                )
            if kind == "emg":
                self.single_trials(f"for {label}")
            self.pick(kind, (name,), key)
        return tuple(wanted)

    def recorded_muscles(self) -> tuple[str, ...]:
        """The simulated muscles that the lab records, as ``muscle:name``; all muscles where the body does not say."""
        body, known = self.rollouts.body, self.names("muscle")
        recorded = tuple(dict.fromkeys(m for m in body.emg_muscles.values() if m in known)) if body else ()
        return self.pick("muscle", recorded, "variables")

    def single_trials(self, why: str) -> Emg:
        """Return the EMG.

        Raises:
            DataError: there is none, or only its mean.
        """
        if self.emg is None:
            raise DataError(
                f"analyze.{self.analysis}: needs EMG {why}, and no EMG file is given; name one beside the rollouts "
                "(made by 'mimic emg')"
            )
        if self.emg.averaged_trials > 1:
            raise DataError(
                f"analyze.{self.analysis}: needs EMG trial by trial {why}, but this EMG is a mean over "
                f"{self.emg.averaged_trials} trials; give EMG of single trials"
            )
        return self.emg


def split_clips(signals: Signals, how: str, held_out: float, seed: int, clips: Sequence[str]) -> tuple[dict, str]:
    """Return (library, predict) for each clip by name, and how they were chosen.

    Raises:
        DataError: no clip is left for one of the two sides.
    """
    label = dict(zip(signals.rollouts.clip_names, signals.rollouts.split, strict=True))
    held = np.array([label[c] == "held_out" for c in clips])
    if how in ("leave_one_out", "library"):
        used = [c for c, h in zip(clips, held, strict=True) if how == "leave_one_out" or not h]
        if len(used) < 2:
            raise DataError(
                f"{signals.analysis}: {len(used)} clip(s) to leave one out of, 2 needed; roll out more clips"
                + (" labelled train, or set split=leave_one_out" if how == "library" else "")
            )
        return dict.fromkeys(used, (True, True)), how
    if how == "rollouts" and held.any() and not held.all():
        return {c: (not h, bool(h)) for c, h in zip(clips, held, strict=True)}, "rollouts"
    n = len(clips)
    n_held = round(held_out * n)
    if n < 2 or not 0 < n_held < n:
        raise DataError(
            f"{signals.analysis}: no held-out clips: a share of {held_out:g} of {n} clip(s) leaves library or "
            f"prediction empty; roll out more clips or change analyze.{signals.analysis}.held_out"
        )
    drawn = {clips[i] for i in np.random.default_rng(seed).permutation(n)[:n_held]}
    return {c: (c not in drawn, c in drawn) for c in clips}, "fraction"


def clips_of(signals: Signals, labels: Sequence[str]) -> tuple[str, ...]:
    """Clips that have all these variables: with EMG, those that bear the name of one of its trials.

    Raises:
        DataError: no clip has a trial of EMG.
    """
    clips = signals.rollouts.clip_names
    if not any(x.startswith("emg:") for x in labels):
        return clips
    emg = signals.single_trials("of the clips")
    both = tuple(c for c in clips if c in emg.trial_names)
    if not both:
        raise DataError(
            f"{signals.analysis}: no clip bears the name of a trial of the EMG (clips: {clips[0]}, …; EMG: "
            f"{emg.trial_names[0]}, …); name the recordings' trials as the clips"
        )
    return both


def trials_of(
    signals: Signals, predictors: Sequence[str], targets: Sequence[str], sides: dict[str, tuple[bool, bool]]
) -> list[Trial]:
    """Cut the clips of ``sides`` into unbroken trials at the analysis rate.

    Samples lie at the instants of the clip's start plus whole analysis periods; where EMG takes part, they begin at
    its first sample instead. Joint angles, activations and forces are states and are read at those instants
    (between two entries, linearly); an excitation or action holds for a control step and is averaged over the steps
    of the analysis period that ends there; EMG is averaged over the period around the instant.

    Raises:
        ConfigError: the analysis rate does not divide the control rate.
    """
    labels = [*predictors, *targets]
    r = signals.rollouts
    step = _whole_steps(signals)
    with_emg = any(x.startswith("emg:") for x in labels)
    first = signals.emg.first_s if with_emg and signals.emg else 0.0
    series = {x: _series(signals, x, step) for x in set(labels) if not x.startswith("emg:")}
    trials = []
    for clip, (library, predict) in sides.items():
        c = r.clip_names.index(clip)
        last_s = (r.n_steps[c] - 1) / r.rate_hz
        time = first + np.arange(int((last_s - first) * signals.rate_hz + 1e-6) + 1) / signals.rate_hz
        read = {
            x: _emg_at(signals, x, clip, time) if x.startswith("emg:") else _at(series[x][c], time * r.rate_hz)
            for x in set(labels)
        }
        values = np.stack([read[x] for x in labels], axis=-1)
        whole = np.isfinite(values).all(-1)
        for run in np.split(np.arange(len(time)), np.flatnonzero(np.diff(whole)) + 1):
            if len(run) and whole[run].all():
                q, y = values[run, : len(predictors)], values[run, len(predictors) :]
                trials.append(Trial(clip, library, predict, time[run], run, q, y))
    return trials


def _whole_steps(signals: Signals) -> int:
    ratio = signals.rollouts.rate_hz / signals.rate_hz
    step = round(ratio)
    if step < 1 or abs(ratio - step) > 1e-6:
        able = ", ".join(f"{signals.rollouts.rate_hz / k:g}" for k in (1, 2, 4, 5, 8))
        raise ConfigError(
            f"analyze.{signals.analysis}.rate_hz: must divide the control rate of {signals.rollouts.rate_hz:g} Hz "
            f"(e.g. {able}), got {signals.rate_hz:g}"
        )
    return step


def _series(signals: Signals, label: str, step: int) -> np.ndarray:
    """(clip, step) of a simulated variable at the control rate."""
    kind, _, name = label.partition(":")
    if kind == "joint":
        return signals.rollouts.of("joint_pos" if signals.kinematics == "rollout" else "ref_joint_pos", name)
    values = signals.rollouts.of(signals.signal, name)
    return _average_before(values, step) if signals.signal in ("excitation", "action") else values


def _average_before(signal: np.ndarray, step: int) -> np.ndarray:
    """Mean of the ``step`` entries that end at each entry, NaN before there are so many; signal (clip, step)."""
    out = np.full_like(signal, np.nan)
    out[:, step - 1 :] = np.lib.stride_tricks.sliding_window_view(signal, step, axis=1).mean(-1)
    return out


def _at(series: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Read a series between its entries, linearly; on an entry, that entry alone."""
    low = np.minimum((index + 1e-6).astype(int), len(series) - 1)
    part = np.clip(index - low, 0, 1)
    between = part > 1e-6
    out = series[low].astype(float)
    out[between] += part[between] * (series[np.minimum(low + 1, len(series) - 1)][between] - out[between])
    return out


def _emg_at(signals: Signals, label: str, clip: str, time: np.ndarray) -> np.ndarray:
    """Mean EMG over the analysis period around each instant; each sample stands for its own period."""
    emg = signals.emg
    assert emg is not None  # the variable was found in it
    y = emg.envelope[emg.trial_names.index(clip), :, emg.muscle_names.index(label.partition(":")[2])]
    edges = emg.first_s + (np.arange(len(y) + 1) - 0.5) / emg.rate_hz
    total = np.concatenate([[0.0], np.cumsum(np.where(np.isfinite(y), y, 0.0)) / emg.rate_hz])
    gone = np.concatenate([[0.0], np.cumsum(~np.isfinite(y)) / emg.rate_hz])
    ends = np.stack([time - 0.5 / signals.rate_hz, time + 0.5 / signals.rate_hz])
    (a, b), (c, d) = np.interp(ends, edges, total), np.interp(ends, edges, gone)
    slack = 1e-6 / emg.rate_hz
    known = (ends[0] >= edges[0] - slack) & (ends[1] <= edges[-1] + slack) & (d - c < slack)
    return np.where(known, (b - a) * signals.rate_hz, np.nan)


def standardize(trials: list[Trial], how: str, of: np.ndarray | None = None) -> list[Trial]:
    """Scale the predictors by the library's mean and SD, or predictors and targets clip by clip; ``none`` leaves them.

    Args:
        of: (predictor,) True for the predictors to scale by the library; None scales all.
    """
    if how == "trial":
        return [
            attrs.evolve(t, predictors=_z(t.predictors, t.predictors), targets=_z(t.targets, t.targets)) for t in trials
        ]
    library = [t.predictors for t in trials if t.library]
    if how == "none" or not library:
        return trials
    known = np.concatenate(library)
    return [attrs.evolve(t, predictors=_z(t.predictors, known)) for t in trials]


def _z(x: np.ndarray, of: np.ndarray) -> np.ndarray:
    sd = of.std(axis=0)
    return (x - of.mean(axis=0)) / np.where(sd > 0, sd, 1.0)
