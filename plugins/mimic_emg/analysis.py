"""The `emg` analysis: recorded beside simulated muscles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import (
    ConfigError,
    Context,
    DataError,
    Emg,
    Headline,
    Inputs,
    Result,
    Rollouts,
    Table,
    did_you_mean,
)
from mimic_core.records import Mean, muscle_pairs
from mimic_emg.compare import compare, lags, max_force, recorded
from mimic_emg.findings import MEASURES, Compared, Findings, trial_means
from mimic_emg.settings import Comparison

FEWEST_SAMPLES = 3


def analysis(config: Comparison):
    """Return ``analyse(inputs, context) -> Result``, which reads EMG and any number of rollouts."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        rollouts: tuple[Rollouts, ...] = inputs.all("rollouts")
        emg: Emg = inputs.one("emg")
        found = find(rollouts, emg, config)
        return _result(found, rollouts, emg, config)

    return analyse


def find(rollouts: Sequence[Rollouts], emg: Emg, config: Comparison) -> Findings:
    """Compare every recorded muscle with its simulated one.

    Raises:
        ConfigError: a muscle that the settings name is not there.
        DataError: no recorded muscle has a simulated one, or EMG and rollouts share fewer than three instants.
    """
    muscles, not_compared = pairs(rollouts, emg, config)
    kept = emg.time <= (np.inf if config.until_s is None else config.until_s + 1e-9)
    trials = tuple(n for n in emg.trial_names if all(n in r.clip_names for r in rollouts))
    times = emg.time[kept]
    beside = {m: recorded(emg, m, trials, kept) for m in muscles}
    compared = {
        m: {
            signal: [compare(r, s, signal, beside[m], trials, times, 1 / emg.rate_hz, config) for r in rollouts]
            for signal in config.signals
        }
        for m, s in muscles.items()
    }
    _check_shared([c.shared for of in compared.values() for each in of.values() for c in each], emg)
    unit = {s: _unit(s, rollouts, list(muscles.values()), config) for s in config.signals}
    return Findings(muscles, not_compared, trials, times, beside, compared, unit)


def _check_shared(counts: Sequence[int], emg: Emg) -> None:
    """Refuse what cannot be compared; a muscle that no shared trial recorded (0) may stand beside others."""
    fewest = min((n for n in counts if n), default=0)
    if fewest < FEWEST_SAMPLES:
        raise DataError(
            f"analyze.emg: EMG from {emg.time[0]:.3g} to {emg.time[-1]:.3g} s at {emg.rate_hz:.3g} Hz and rollouts "
            f"share {fewest or 'no'} instant{'s' * (fewest > 1)}, expected at least {FEWEST_SAMPLES}; check the unit "
            "of the EMG's times, raise analyze.emg.until_s, or record and simulate the same stretch of the movement"
        )


def pairs(rollouts: Sequence[Rollouts], emg: Emg, config: Comparison) -> tuple[dict[str, str], list[str]]:
    """Recorded muscle → simulated muscle (see `mimic_core.records.muscle_pairs`), and the recorded ones without one."""
    first = rollouts[0]
    muscles = muscle_pairs(emg.muscle_names, first.muscle_names, first.body, config.muscles, "analyze.emg.muscles")
    if not muscles:
        raise DataError(
            f"analyze.emg: no muscle of {first.body_name} is known to be {' or '.join(emg.muscle_names)}; name it with "
            f"--set muscles.{emg.muscle_names[0]}=MUSCLE; its muscles: {', '.join(first.muscle_names) or 'none'}"
        )
    for name, muscle in muscles.items():
        for r in rollouts:
            if muscle not in r.muscle_names:
                near = did_you_mean(muscle, r.muscle_names) if r.muscle_names else "; its actuators are no muscles"
                raise ConfigError(f"analyze.emg: {name}: no muscle {muscle!r} in rollouts of {r.body_name}{near}")
    return muscles, [n for n in emg.muscle_names if n not in muscles]


def _unit(signal: str, rollouts: Sequence[Rollouts], muscles: Sequence[str], config: Comparison) -> str:
    own = f"its {config.percentile:g}th percentile over all clips"
    if config.normalize == "percentile":
        return own
    if signal != "force":
        return "1"
    known = all(max_force(r, m) is not None for r in rollouts for m in muscles)
    return "maximum isometric force" if known else own


def over_rollouts(values: Sequence[float], name: str) -> dict[str, float]:
    """Mean of a measure over controllers and, for several, half the width of its 95 % confidence interval.

    Where the measure is not defined for some (a correlation with a constant), ``…_n`` says for how many it is.
    """
    finite = [v for v in values if np.isfinite(v)]
    mean = Mean.of(finite) if finite else Mean(float("nan"), None, None, 0)
    out = {name: mean.mean} if mean.ci95 is None else {name: mean.mean, f"{name}_ci95": mean.ci95}
    return out if len(finite) == len(values) else {**out, f"{name}_n": mean.n}


def single_trials(c: Compared) -> dict[str, float]:
    """Mean of each measure over trials; the median of the lag."""
    out = {}
    for k, v in c.by_trial.items():
        finite = v[np.isfinite(v)]
        summary = np.median if k == "lag_ms" else np.mean
        out[k] = float(summary(finite)) if finite.size else float("nan")
    return out


def metrics_of(each: Sequence[Compared]) -> dict[str, Any]:
    """Numbers of one signal of one muscle over all controllers."""
    out: dict[str, Any] = {}
    for k in MEASURES:
        out |= over_rollouts([c.on_mean[k] for c in each], k)
    out["until_ms"] = min(c.until_ms for c in each)
    if each[0].by_trial:
        summaries = [single_trials(c) for c in each]
        out["trials"] = {}
        for k in MEASURES:
            out["trials"] |= over_rollouts([s[k] for s in summaries], k)
    return out


def _result(found: Findings, rollouts: Sequence[Rollouts], emg: Emg, config: Comparison) -> Result:
    from mimic_emg import figures

    metrics: dict[str, Any] = {
        m: {s: metrics_of(each) for s, each in signals.items()} for m, signals in found.compared.items()
    }
    made_up = "made-up EMG" if emg.synthetic else "EMG"
    tables = {"agreement": _agreement(found, metrics, len(rollouts), made_up, config)}
    drawn = {"mean_curves": figures.mean_curves(found, config, emg.synthetic)}
    captions = {"mean_curves": _curves_caption(found, rollouts, emg, made_up)}
    if len(rollouts) > 1:
        tables["by_rollouts"] = _by_rollouts(found)
    if found.trials:
        tables["by_trial"] = _by_trial(found, len(rollouts))
        drawn["by_trial"] = figures.by_trial(found)
        captions["by_trial"] = (
            f"Mean absolute error and Pearson's r between {made_up} and each simulated signal in single trials (dots"
            f"{', mean over controllers' if len(rollouts) > 1 else ''}); boxes span the quartiles, whiskers 1.5 "
            "interquartile ranges."
        )
    metrics["n"] = {"rollouts": len(rollouts), "trials": len(found.trials), "recorded": _n_recorded(found, emg)}
    metrics["settings"] = attrs.asdict(config)
    headlines = _headlines(metrics, list(found.compared), made_up)
    sentence = _sentence(metrics, list(found.compared), emg)
    if emg.synthetic:
        metrics["synthetic"] = True
    return Result(
        headlines=headlines,
        sentence=sentence,
        metrics=metrics,
        tables=tables,
        figures=drawn,
        captions=captions,
        methods=_methods(found, rollouts, emg, config),
    )


def _headlines(metrics: dict[str, Any], muscles: Sequence[str], made_up: str) -> list[Headline]:
    """Error of the activation of every recorded muscle, where activation was compared."""
    activation = {m: of for m in muscles if (of := metrics[m].get("activation"))}
    return [
        Headline(f"{m}, from {made_up}", of["mae"], note=f"mean absolute error of activation; r {_shown(of['r'])}")
        for m, of in activation.items()
    ]


def _sentence(metrics: dict[str, Any], muscles: Sequence[str], emg: Emg) -> str:
    activation = {m: of for m in muscles if (of := metrics[m].get("activation"))}
    if not activation:
        return ""
    each = " and ".join(f"{_shown(of['mae'])} for {m} (r {_shown(of['r'])})" for m, of in activation.items())
    return (
        f"Beside the {'made-up' if emg.synthetic else 'recorded'} EMG, the mean course of activation is off by {each} "
        "on average, in shares of the muscle's full activity."
    )


def _shown(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "–"


def _n_recorded(found: Findings, emg: Emg) -> int:
    return (len(found.trials) or len(emg.trial_names)) * emg.averaged_trials


def _agreement(found: Findings, metrics: dict[str, Any], n_rollouts: int, made_up: str, config: Comparison) -> Table:
    keys = [*MEASURES] if n_rollouts == 1 else ["mae", "mae_ci95", "r", "r_ci95", "lag_ms", "r_at_lag"]
    heads = {"mae": "MAE", "mae_ci95": "± CI", "rmse": "RMSE", "r": "r", "r_ci95": "± CI of r"}
    heads |= {"lag_ms": "lag (ms)", "r_at_lag": "r at lag"}
    rows = []
    for m, signals in found.compared.items():
        for signal in signals:
            numbers = metrics[m][signal]
            for over, of in (("mean", numbers), ("trials", numbers.get("trials"))):
                if of is not None:
                    values = [of.get(k, float("nan")) for k in keys]
                    rows.append((m, signal, over, *values))
    each = f"; mean of {n_rollouts} controllers ± 95 % confidence interval" if n_rollouts > 1 else ""
    return Table(
        columns=("EMG", "signal", "of", *(heads[k] for k in keys)),
        rows=rows,
        caption=f"Agreement of {made_up} and simulated muscles ({_named(found)}): of the mean over trials and, where "
        f"trials are known to be clips, of single trials (mean of these; of the lag, the median){each}. A positive lag "
        f"means that the simulation is later; {lags(config)[-1]:g} ms is the largest that was tried.",
    )


def _named(found: Findings) -> str:
    return ", ".join(m if m == s else f"{m} with {s}" for m, s in found.muscles.items())


def _by_trial(found: Findings, n_rollouts: int) -> Table:
    rows = []
    for m, signals in found.compared.items():
        for signal, each in signals.items():
            values = trial_means(each)
            rows += [(m, signal, t, *(float(values[k][i]) for k in MEASURES)) for i, t in enumerate(found.trials)]
    return Table(
        columns=("EMG", "signal", "trial", "MAE", "RMSE", "r", "lag (ms)", "r at lag"),
        rows=rows,
        caption="Agreement in single trials" + (f", mean of {n_rollouts} controllers." if n_rollouts > 1 else "."),
    )


def _by_rollouts(found: Findings) -> Table:
    rows = []
    for m, signals in found.compared.items():
        for signal, each in signals.items():
            for i, c in enumerate(each, 1):
                rows.append((i, m, signal, "mean", *(c.on_mean[k] for k in MEASURES)))
                if c.by_trial:
                    of_trials = single_trials(c)
                    rows.append((i, m, signal, "trials", *(of_trials[k] for k in MEASURES)))
    return Table(
        columns=("controller", "EMG", "signal", "of", "MAE", "RMSE", "r", "lag (ms)", "r at lag"),
        rows=rows,
        caption="Agreement of each controller, in the order of the files.",
    )


def _curves_caption(found: Findings, rollouts: Sequence[Rollouts], emg: Emg, made_up: str) -> str:
    clips = len(found.trials) or len(rollouts[0].clip_names)
    band = (
        f"mean ± 95 % confidence interval over {len(rollouts)} controllers of the mean over {clips} clips"
        if len(rollouts) > 1
        else f"mean ± standard error over {clips} clips"
    )
    error = " ± standard error" if any(np.isfinite(r.sem).any() for r in found.emg.values()) else ""
    recorded = f"{made_up[0].upper()}{made_up[1:]} (mean{error}, {_n_recorded(found, emg)} trials)"
    return f"{recorded} and simulated muscles ({band}). The reference is 1 for excitation and activation."


def _methods(found: Findings, rollouts: Sequence[Rollouts], emg: Emg, config: Comparison) -> str:
    left_out = ", ".join(found.not_compared)
    missing = f" Not compared, since no muscle is known for it: {left_out}." if left_out else ""
    units = {s: ("as it is" if u == "1" else f"as a share of {u}") for s, u in found.unit.items()}
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
        "interval (Student's t)."
        if len(rollouts) > 1
        else ""
    )
    return (
        f"{emg.methods} EMG was compared with simulated muscles ({_named(found)}) at the instants of its samples, in "
        f"seconds after the start of the reach, from {1e3 * found.times[0]:.4g} to {1e3 * found.times[-1]:.4g} ms at "
        f"{emg.rate_hz:.4g} Hz; rollouts have {rollouts[0].rate_hz:g} Hz.{missing} Excitation was averaged over the "
        "period around each sample; activation and force were interpolated linearly. Nothing was shifted or stretched. "
        f"Compared were {'; '.join(f'{s} {u}' for s, u in units.items())}. {which} Means are over the clips that last "
        "as long, where that is at least half of them; a trial in which a muscle was not recorded has no part in its "
        "means. Measures are the mean absolute error (MAE), the root mean "
        f"square error, Pearson's r, and the lag within ±{config.largest_lag_ms:g} ms (steps of "
        f"{config.lag_step_ms:g} ms) at which r is highest; a positive lag means that the simulation is "
        f"later than the EMG.{several}"
    )
