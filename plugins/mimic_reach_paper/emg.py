"""Simulated beside recorded muscles: in stretched and in true time, raw actions and excitations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from mimic_core import Emg, Rollouts
from mimic_core.records import muscle_pairs
from mimic_reach_paper.findings import Missing, Pair, Recorded
from mimic_reach_paper.settings import Compat
from mimic_statistics import mean_and_sem

CONSTANT, LIMP = "best constant", "limp body"
Sample = Callable[[np.ndarray, np.ndarray], np.ndarray]


def muscle_map(rollouts: Rollouts, emg: Emg | None, settings: Compat) -> dict[str, str]:
    """Recorded muscle (lower case) → simulated muscle; see `mimic_core.records.muscle_pairs`.

    Without EMG, the muscles that the body and the settings know a lab to record.
    """
    named = {} if rollouts.body is None else rollouts.body.emg_muscles
    recorded = [*named, *settings.muscles] if emg is None else emg.muscle_names
    names = list(dict.fromkeys(n.lower() for n in recorded))
    key = "analyze.paper_compat.muscles"
    return muscle_pairs(names, rollouts.muscle_names, rollouts.body, settings.muscles, key)


def beside(rollouts: Rollouts, emg: Emg, settings: Compat) -> Recorded:
    """Cut the EMG to what was drawn and find the clips of its trials."""
    keep = (emg.time >= 0) & (emg.time <= 1e-3 * settings.drawn_ms + 1e-9)
    trials = {n: i for i, n in enumerate(emg.trial_names)}
    shared = [n for n in rollouts.clip_names if n in trials] if emg.averaged_trials == 1 else []
    envelope, sem = {}, {}
    for i, muscle in enumerate(emg.muscle_names):
        all_trials = emg.envelope[:, keep, i]
        mean, error = mean_and_sem(all_trials)
        sem[muscle.lower()] = error if emg.sem is None else emg.sem[0, keep, i]
        mine = [trials[n] for n in shared]
        envelope[muscle.lower()] = all_trials[mine] if shared else mean[None]
    clips = tuple((rollouts.clip_names.index(n),) for n in shared) or (tuple(range(len(rollouts.clip_names))),)
    return Recorded(emg.time[keep], clips, envelope, sem, bool(shared))


def stretched(rollouts: Rollouts, settings: Compat) -> Sample:
    """The published way: the first ``drawn_steps`` control steps, drawn from 0 to ``drawn_ms``."""
    at = np.linspace(0.0, 1e-3 * settings.drawn_ms, settings.drawn_steps)
    return lambda steps, time: np.interp(time, at[: len(steps) - 1], steps[1 : settings.drawn_steps + 1], right=np.nan)


def in_time(rollouts: Rollouts, settings: Compat) -> Sample:
    """The right way: each control step in the middle of the time that it lasts; NaN after the last one."""
    period = 1 / rollouts.rate_hz

    def sample(steps: np.ndarray, time: np.ndarray) -> np.ndarray:
        last = period * (np.isfinite(steps[1:]).sum() + 0.5)
        value = np.interp(time, period * (np.arange(1, len(steps)) - 0.5), steps[1:])
        return np.where(time <= last, value, np.nan)

    return sample


def raw(rollouts: Rollouts, muscle: str) -> np.ndarray:
    """(clip, step) raw action cut off to [0, 1], as the notebook has it."""
    return np.clip(rollouts.of("action", muscle), 0.0, 1.0)


def curves(signal: np.ndarray, sample: Sample, recorded: Recorded) -> np.ndarray:
    """(row, sample) of a signal (clip, step), mean over the clips that stand beside each row of EMG."""
    rows = [[sample(signal[c], recorded.time) for c in clips] for clips in recorded.clips]
    return np.stack([mean_and_sem(np.array(r))[0] for r in rows])


def mae(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of (row, sample): of each row, then over rows."""
    rows = [np.nanmean(np.abs(x - y)) for x, y in zip(a, b, strict=True) if np.isfinite(x - y).any()]
    return float(np.mean(rows)) if rows else float("nan")


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's r of each row, then the mean over rows; rows without variance are left out."""
    from scipy.stats import pearsonr

    found = []
    for x, y in zip(a, b, strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        if both.sum() > 2 and np.ptp(x[both]) > 0 and np.ptp(y[both]) > 0:
            found.append(pearsonr(x[both], y[both]).statistic)
    return float(np.mean(found)) if found else float("nan")


def null_errors(seen: np.ndarray, beside: np.ndarray) -> dict[str, float]:
    """MAE of the best constant and of muscles at rest beside EMG (row, sample), where ``beside`` has a value too."""
    compared = np.where(np.isfinite(beside), seen, np.nan)
    return {CONSTANT: mae(np.full_like(seen, np.nanmedian(compared)), compared), LIMP: mae(0 * seen, compared)}


def emg_pairs(rollouts: Rollouts, emg: Emg | None, settings: Compat) -> Iterator[Pair | Missing]:
    """Faults in time base and signal, one at a time and together, against the same EMG."""
    muscles = muscle_map(rollouts, emg, settings)
    if emg is None or not muscles:
        why = "no EMG was given" if emg is None else _unmapped(emg)
        yield from (Missing(key, why) for key in ("emg_time_base", "emg_signal", "emg_both"))
    else:
        recorded = beside(rollouts, emg, settings)
        wrong_time, true_time = stretched(rollouts, settings), in_time(rollouts, settings)
        for name, muscle in muscles.items():
            seen, excitation = recorded.envelope[name], rollouts.of("excitation", muscle)
            right = curves(excitation, true_time, recorded)
            wrong = {
                "emg_time_base": curves(excitation, wrong_time, recorded),
                "emg_signal": curves(raw(rollouts, muscle), true_time, recorded),
                "emg_both": curves(raw(rollouts, muscle), wrong_time, recorded),
            }
            for key, published in wrong.items():
                errors = mae(published, seen), mae(right, seen)
                yield Pair((key, name, "mae"), f"{name}, MAE", *errors, nulls=null_errors(seen, right))
                yield Pair((key, name, "r"), f"{name}, Pearson r", *(correlation(c, seen) for c in (published, right)))
    squares = [float(np.nanmean((x[:, 1:] ** 2).sum(-1))) for x in (rollouts.action, rollouts.excitation)]
    yield Pair(("control_cost", "mean"), "per control step", *squares, nulls={LIMP: 0.0})


def _unmapped(emg: Emg) -> str:
    names = ", ".join(emg.muscle_names)
    return (
        f"the rollouts do not say which simulated muscles are compared with {names}; name them with "
        f"--set muscles.{emg.muscle_names[0]}=MUSCLE"
    )


def column_pairs(rollouts: Rollouts, emg: Emg | None, settings: Compat) -> Iterator[Pair | Missing]:
    """A muscle under another one's name, compared with EMG of either where there is some, else with its own column."""
    recorded = beside(rollouts, emg, settings) if emg else None
    partner = {simulated: name for name, simulated in muscle_map(rollouts, emg, settings).items()}
    for name, borne_by in settings.mislabelled.items():
        if absent := [m for m in (name, borne_by) if m not in rollouts.actuator_names]:
            yield Missing("column", f"these rollouts have no muscle {' or '.join(absent)}")
            continue
        of_name, of_other = (rollouts.of("excitation", m) for m in (name, borne_by))
        apart = float(np.nanmean(np.abs(of_name - of_other)))
        yield Pair(("column", name, "difference"), f"{name}, error", apart, 0.0)
        seen = partner.get(borne_by) or partner.get(name)
        if recorded and seen:
            sample = in_time(rollouts, settings)
            values = [mae(curves(x, sample, recorded), recorded.envelope[seen]) for x in (of_other, of_name)]
            nulls = null_errors(recorded.envelope[seen], curves(of_name, sample, recorded))
            yield Pair(("column", name, "mae"), f"{seen}, MAE", *values, nulls=nulls)
