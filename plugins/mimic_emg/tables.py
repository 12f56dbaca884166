"""Tables, captions and methods text of the `emg` analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mimic_core import Emg, Rollouts, Table
from mimic_emg.compare import lags
from mimic_emg.findings import MEASURES, OF_NULLS, Findings, Measures, finite_mean, mean_of, single_trials, trial_means
from mimic_emg.nulls import CEILING, WORDS
from mimic_emg.settings import Comparison

_HEADS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "r": "r",
    "r2_affine": "R² affine",
    "lag_ms": "lag (ms)",
    "r_at_lag": "r at lag",
}
_HEADS |= {"mae_ci95": "± CI", "r_ci95": "± CI of r"}


def agreement(found: Findings, metrics: dict[str, Any], n_rollouts: int, made_up: str, config: Comparison) -> Table:
    """Measures of every recorded muscle, of the mean course and of single trials."""
    several = ["mae", "mae_ci95", "r", "r_ci95", "r2_affine", "lag_ms", "r_at_lag"]
    keys = [*MEASURES] if n_rollouts == 1 else several
    rows = []
    for m in found.compared:
        numbers = metrics[m][config.signal]
        for over, of in (("mean", numbers), ("trials", numbers.get("trials"))):
            if of is not None:
                rows.append((m, over, *(of.get(k, float("nan")) for k in keys)))
    each = f"; mean of {n_rollouts} controllers ± 95 % confidence interval" if n_rollouts > 1 else ""
    return Table(
        columns=("EMG", "of", *(_HEADS[k] for k in keys)),
        rows=rows,
        caption=f"Agreement of {made_up} and the {config.signal} of simulated muscles ({_named(found)}): of the mean "
        f"over trials and, where trials are known to be clips, of single trials (mean of these; of the lag, the "
        f"median){each}. {_said_of_lag(config)}",
    )


def _said_of_lag(config: Comparison) -> str:
    physiology = {
        "excitation": "Excitation should coincide with EMG",
        "activation": "Activation follows excitation, and so EMG, by some milliseconds",
        "force": "Force follows EMG by the electromechanical delay",
    }[config.signal]
    return (
        f"A positive lag means that the simulation is later, a negative one that it leads; {lags(config)[-1]:g} ms is "
        f"the largest that was tried. {physiology}: a negative lag is no delay that muscles have."
    )


def _named(found: Findings) -> str:
    return ", ".join(m if m == s else f"{m} with {s}" for m, s in found.muscles.items())


def nulls(found: Findings, made_up: str, config: Comparison) -> Table:
    """The simulated muscle among its null models."""
    rows = []
    for m, each in found.compared.items():
        of = found.nulls[m]
        mine = {k: mean_of(each, k) for k in OF_NULLS}
        rows += _null_rows(m, "mean", found.muscles[m], mine, of.of_mean)
        if of.of_trials:
            trials = [single_trials(c) for c in each]
            mine = {k: finite_mean([t[k] for t in trials]) for k in OF_NULLS}
            rows += _null_rows(m, "trials", found.muscles[m], mine, of.of_trials)
    named = ", ".join(f"{n.best_other} for {m}" for m, n in found.nulls.items() if n.best_other)
    other = (
        f" Best other muscle: the best value of any other muscle of the body (smallest error: {named}); at a lag, the "
        "95th percentile over them."
        if named
        else ""
    )
    ceiling = any(CEILING in n.of_mean for n in found.nulls.values())
    noise = (
        f" Noise ceiling: what a perfect model would get, since {made_up} is a mean of few trials (random halves)."
        if ceiling
        else f" The noise of {made_up} is unknown, as it has no single trials to be halved."
    )
    return Table(
        columns=("EMG", "of", "model", *(_HEADS[k] for k in OF_NULLS)),
        rows=rows,
        caption=f"The same measures of trivial answers, on the same samples of {made_up}.{other} Unrelated bumps: "
        f"95th percentile of {config.bumps} Gaussian bumps of random centre and width, with the same search for a lag "
        f"({_as_good(found)} come as close at their best lag as the muscle).{noise}"
        + (
            " Another clip: a trial beside the simulation of another one. Mean of other trials: what the rest of the "
            "EMG tells of a trial."
            if found.trials
            else ""
        ),
    )


def _as_good(found: Findings) -> str:
    return ", ".join(f"{m}: {100 * n.bumps_as_good:.0f} %" for m, n in found.nulls.items())


def _null_rows(emg: str, over: str, muscle: str, mine: Measures, of: dict[str, Measures]) -> list[tuple]:
    models = {muscle: mine, **{WORDS[n]: v for n, v in of.items()}}
    return [(emg, over, n, *(v.get(k, float("nan")) for k in OF_NULLS)) for n, v in models.items()]


def muscles(found: Findings, made_up: str, config: Comparison) -> Table:
    """Every muscle of the body beside every EMG."""
    kinds = [k for k in OF_NULLS if k != "r_at_lag"]
    body = list(next(iter(found.every.values())))
    return Table(
        columns=("muscle", *(f"{m}: {_HEADS[k]}" for m in found.every for k in kinds)),
        rows=[(s, *(mean_of(found.every[m][s], k) for m in found.every for k in kinds)) for s in body],
        caption=f"The {config.signal} of every muscle beside every {made_up}, mean course. {_ranks(found, len(body))}",
    )


def _ranks(found: Findings, n: int) -> str:
    each = [
        f"{found.muscles[m]} is {of.rank['mae']}. of {n} by error and {of.rank['r2_affine']}. by R² for {m}"
        for m, of in found.nulls.items()
    ]
    return f"{'; '.join(each)}."


def muscles_caption(found: Findings, made_up: str, config: Comparison) -> str:
    """Of the heat map."""
    n = len(next(iter(found.every.values())))
    return (
        f"Mean course of the {config.signal} of every muscle beside {made_up} of each recorded one: mean absolute "
        f"error, Pearson's r and R² after an affine fit of positive slope. Framed: the muscle that was recorded; "
        f"below, null models. {_ranks(found, n)}" + _said_of_bodies(found, "Below a number")
    )


def by_trial(found: Findings, n_rollouts: int) -> Table:
    """Every trial that is a clip."""
    rows = []
    for m, each in found.compared.items():
        values = trial_means(each)
        rows += [(m, t, *(float(values[k][i]) for k in MEASURES)) for i, t in enumerate(found.trials)]
    return Table(
        columns=("EMG", "trial", *(_HEADS[k] for k in MEASURES)),
        rows=rows,
        caption="Agreement in single trials" + (f", mean of {n_rollouts} controllers." if n_rollouts > 1 else "."),
    )


def by_trial_caption(found: Findings, made_up: str, n_rollouts: int, config: Comparison) -> str:
    """Of the boxes."""
    return (
        f"Mean absolute error and Pearson's r between {made_up} and simulated {config.signal} in single trials (dots"
        f"{', mean over controllers' if n_rollouts > 1 else ''}); boxes span the quartiles, whiskers 1.5 interquartile "
        "ranges. Lines: mean over trials of null models, and of the mean of the other trials' EMG."
        + _said_of_bodies(found, "Diamond with whisker, of the mean over trials")
    )


def by_rollouts(found: Findings) -> Table:
    """Every controller."""
    rows = []
    for m, each in found.compared.items():
        for i, c in enumerate(each, 1):
            rows.append((i, m, "mean", *(c.on_mean[k] for k in MEASURES)))
            if c.by_trial:
                rows.append((i, m, "trials", *(single_trials(c)[k] for k in MEASURES)))
    return Table(
        columns=("controller", "EMG", "of", *(_HEADS[k] for k in MEASURES)),
        rows=rows,
        caption="Agreement of each controller, in the order of the files.",
    )


def curves_caption(found: Findings, rollouts: Sequence[Rollouts], emg: Emg, made_up: str, config: Comparison) -> str:
    """Of the curves over time."""
    clips = len(found.trials) or len(rollouts[0].clip_names)
    band = (
        f"mean ± 95 % confidence interval over {len(rollouts)} controllers of the mean over {clips} clips"
        if len(rollouts) > 1
        else f"mean ± standard error over {clips} clips"
    )
    error = " ± standard error" if any(np.isfinite(r.sem).any() for r in found.emg.values()) else ""
    seen = f"{made_up[0].upper()}{made_up[1:]} (mean{error}, {_n_recorded(found, emg)} trials)"
    other = "; thin: the other muscles of the body" if len(next(iter(found.every.values()))) > 1 else ""
    return (
        f"{seen} and simulated {config.signal} ({band}{other}). Dotted: the constant that comes closest to the EMG. "
        "The reference is 1 for excitation and activation." + _said_of_bodies(found, "Dashed")
    )


def _said_of_bodies(found: Findings, how: str) -> str:
    """What an error bar is; empty without one."""
    return "" if found.varied is None or not found.varied.course else f" {how}: {found.varied.said}."


def _n_recorded(found: Findings, emg: Emg) -> int:
    return (len(found.trials) or len(emg.trial_names)) * emg.averaged_trials


def methods(found: Findings, rollouts: Sequence[Rollouts], emg: Emg, config: Comparison) -> str:
    """How all of it was computed."""
    left_out = ", ".join(found.not_compared)
    missing = f" Not compared, since no muscle is known for it: {left_out}." if left_out else ""
    unit = "as it is" if found.unit == "1" else f"as a share of {found.unit}"
    if found.trials:
        which = (
            f"{len(found.trials)} trials bear the name of a clip; they were compared one by one, and their mean with "
            "the mean of the same clips."
        )
    else:
        which = (
            f"No trial bears the name of a clip, so the mean of the EMG ({_n_recorded(found, emg)} trials) was "
            f"compared with the mean of all {len(rollouts[0].clip_names)} clips."
        )
    several = (
        f" Measures were taken for each of {len(rollouts)} controllers and are given as mean ± 95 % confidence "
        "interval (Student's t), which is over controllers, not over animals."
        if len(rollouts) > 1
        else ""
    )
    read = (
        "averaged over the period around each sample"
        if config.signal == "excitation"
        else "interpolated linearly to each sample"
    )
    return (
        f"{emg.methods} EMG was compared with the {config.signal} of simulated muscles ({_named(found)}), {unit}, at "
        f"the instants of its samples, in seconds after the start of the reach, from {1e3 * found.times[0]:.4g} to "
        f"{1e3 * found.times[-1]:.4g} ms at {emg.rate_hz:.4g} Hz; rollouts have {rollouts[0].rate_hz:g} Hz.{missing} "
        f"It was {read}. Nothing was shifted or stretched, and all measures are of this one signal and window. {which} "
        "Means are over the clips that last as long, where that is at least half of them; a trial in which a muscle "
        "was not recorded has no part in its means. Measures are the mean absolute error (MAE), the root mean square "
        "error, Pearson's r, R² after the best affine fit of slope ≥ 0 (r² where r is positive), and the lag within "
        f"±{config.largest_lag_ms:g} ms (steps of {config.lag_step_ms:g} ms) at which r is highest, over at least half "
        "of the samples; a positive lag means that the simulation is later than the EMG. The same was computed for the "
        "constant of the smallest error (the median), for muscles at rest, for every other muscle of the body, and, "
        f"since a search for the best lag finds something in any two smooth curves, for {config.bumps} Gaussian bumps "
        f"that know nothing of the movement (seed {config.seed}).{several}{_varied_methods(found)}"
    )


def _varied_methods(found: Findings) -> str:
    """How the error bars were computed; empty without any."""
    if found.varied is None:
        return ""
    return (
        f" The same controller was rolled out in altered bodies; error bars are {found.varied.said}. The bar of a "
        "number is moved by as much as the number differs from that of the sensitivity's clips in the body as it is."
    )
