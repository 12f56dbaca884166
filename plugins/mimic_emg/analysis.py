"""The `emg` analysis: recorded beside simulated muscles, and beside what trivial answers get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, DataError, Emg, Headline, Inputs, Result, Rollouts, did_you_mean
from mimic_core.records import muscle_pairs
from mimic_emg.compare import compare, max_force, recorded
from mimic_emg.findings import MEASURES, OF_NULLS, Compared, Findings, Measures, mean_of, single_trials
from mimic_emg.nulls import BUMPS, CEILING, CONSTANT, LIMP, OTHERS, WORDS, find_nulls
from mimic_emg.settings import Comparison
from mimic_emg.varied import metrics as varied_metrics
from mimic_emg.varied import note as varied_note
from mimic_emg.varied import table as varied_table
from mimic_emg.varied import vary
from mimic_sensitivity import Sensitivity
from mimic_statistics import Mean

FEWEST_SAMPLES = 3


def analysis(config: Comparison):
    """Return ``analyse(inputs, context) -> Result``, which reads EMG and any number of rollouts."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        rollouts: tuple[Rollouts, ...] = inputs.all("rollouts")
        emg: Emg = inputs.one("emg")
        found = find(rollouts, emg, config, inputs.maybe("sensitivity"))
        return _result(found, rollouts, emg, config)

    return analyse


def find(
    rollouts: Sequence[Rollouts], emg: Emg, config: Comparison, sensitivity: Sensitivity | None = None
) -> Findings:
    """Compare every recorded muscle with its simulated one, with all others, and with null models.

    Raises:
        ConfigError: a muscle that the settings name is not there.
        DataError: no recorded muscle has a simulated one, or EMG and rollouts share fewer than three instants.
    """
    muscles, not_compared = pairs(rollouts, emg, config)
    kept = emg.time <= (np.inf if config.until_s is None else config.until_s + 1e-9)
    trials = tuple(n for n in emg.trial_names if all(n in r.clip_names for r in rollouts))
    times = emg.time[kept]
    beside = {m: recorded(emg, m, trials, kept) for m in muscles}
    body = [m for m in rollouts[0].muscle_names if all(m in r.muscle_names for r in rollouts)]
    every = {
        m: {s: [compare(r, s, beside[m], trials, times, 1 / emg.rate_hz, config) for r in rollouts] for s in body}
        for m in muscles
    }
    _check_shared([c.shared for m, s in muscles.items() for c in every[m][s]], emg)
    nulls = {m: find_nulls(every[m], s, beside[m], times, config) for m, s in muscles.items()}
    varied = None if sensitivity is None else vary(sensitivity, rollouts, emg, muscles, trials, kept, config)
    unit = _unit(rollouts, muscles, config)
    return Findings(muscles, not_compared, trials, times, beside, every, nulls, unit, varied)


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


def _unit(rollouts: Sequence[Rollouts], muscles: dict[str, str], config: Comparison) -> str:
    own = f"its {config.percentile:g}th percentile over all clips"
    if config.normalize == "percentile":
        return own
    if config.signal != "force":
        return "1"
    known = all(max_force(r, m) is not None for r in rollouts for m in muscles.values())
    return "maximum isometric force" if known else own


def over_rollouts(values: Sequence[float], name: str) -> dict[str, float]:
    """Mean of a measure over controllers and, for several, half the width of its 95 % confidence interval.

    Where the measure is not defined for some (a correlation with a constant), ``…_n`` says for how many it is.
    """
    finite = [v for v in values if np.isfinite(v)]
    mean = Mean.of(finite) if finite else Mean(float("nan"), None, None, 0)
    out = {name: mean.mean} if mean.ci95 is None else {name: mean.mean, f"{name}_ci95": mean.ci95}
    return out if len(finite) == len(values) else {**out, f"{name}_n": mean.n}


def metrics_of(each: Sequence[Compared]) -> dict[str, Any]:
    """Numbers of one muscle over all controllers."""
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


def _metrics(found: Findings, emg: Emg, rollouts: Sequence[Rollouts], config: Comparison) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    for m, each in found.compared.items():
        nulls, numbers = found.nulls[m], metrics_of(each)
        numbers |= {"nulls": {n: dict(v) for n, v in nulls.of_mean.items() if n != CEILING}}
        numbers |= {CEILING: dict(nulls.of_mean[CEILING])} if CEILING in nulls.of_mean else {}
        numbers |= {"rank": nulls.rank, "best_other_muscle": nulls.best_other, "bumps_as_good": nulls.bumps_as_good}
        if nulls.of_trials:
            numbers["trials"]["nulls"] = {n: dict(v) for n, v in nulls.of_trials.items()}
        if found.varied is not None:
            numbers["sensitivity"] = varied_metrics(found.varied, m)
        numbers["muscles"] = {s: {k: mean_of(of, k) for k in OF_NULLS} for s, of in found.every[m].items()}
        metrics[m] = {config.signal: numbers}
    metrics["n"] = {
        "rollouts": len(rollouts),
        "trials": len(found.trials),
        "recorded": (len(found.trials) or len(emg.trial_names)) * emg.averaged_trials,
    }
    metrics["settings"] = attrs.asdict(config)
    return metrics | ({"synthetic": True} if emg.synthetic else {})


def _result(found: Findings, rollouts: Sequence[Rollouts], emg: Emg, config: Comparison) -> Result:
    from mimic_emg import figures, tables

    metrics = _metrics(found, emg, rollouts, config)
    made_up = "made-up EMG" if emg.synthetic else "EMG"
    made = {
        "agreement": tables.agreement(found, metrics, len(rollouts), made_up, config),
        "nulls": tables.nulls(found, made_up, config),
        "muscles": tables.muscles(found, made_up, config),
    }
    drawn = {
        "mean_curves": figures.mean_curves(found, config, emg.synthetic),
        "muscles": figures.muscles(found, config),
    }
    captions = {
        "mean_curves": tables.curves_caption(found, rollouts, emg, made_up, config),
        "muscles": tables.muscles_caption(found, made_up, config),
    }
    if found.varied is not None:
        made["sensitivity"] = varied_table(found.varied, config.signal)
    if len(rollouts) > 1:
        made["by_rollouts"] = tables.by_rollouts(found)
    if found.trials:
        made["by_trial"] = tables.by_trial(found, len(rollouts))
        drawn["by_trial"] = figures.by_trial(found, config)
        captions["by_trial"] = tables.by_trial_caption(found, made_up, len(rollouts), config)
    headlines = _headlines(found, made_up, config)
    return Result(
        headlines=headlines,
        sentence=_sentence(found, headlines, emg, config),
        metrics=metrics,
        tables=made,
        figures=drawn,
        captions=captions,
        methods=tables.methods(found, rollouts, emg, config),
    )


def _headlines(found: Findings, made_up: str, config: Comparison) -> list[Headline]:
    """Error and R² of every recorded muscle, each beside its null models."""
    out = []
    for m, each in found.compared.items():
        of = found.nulls[m].of_mean
        note = f"mean absolute error of {config.signal}, mean course; r {_shown(mean_of(each, 'r'))}"
        note += varied_note(found.varied, m, "mae")
        out.append(_headline(f"{m}, from {made_up}", mean_of(each, "mae"), note, of, "mae", (CONSTANT, LIMP, OTHERS)))
        ceiling = f"; noise allows {_shown(of[CEILING]['r2_affine'])}" if CEILING in of else ""
        note = f"share of the variance of {made_up} that scaled and shifted {config.signal} explains{ceiling}"
        note += varied_note(found.varied, m, "r2_affine")
        label = f"{m}, R² after an affine fit"
        out.append(
            _headline(label, mean_of(each, "r2_affine"), note, of, "r2_affine", (CONSTANT, BUMPS, OTHERS), "higher")
        )
    return out


def _headline(
    label: str,
    value: float,
    note: str,
    of: dict[str, Measures],
    measure: str,
    names: Sequence[str],
    better: str = "lower",
) -> Headline:
    nulls = {WORDS[n]: _or_none(of[n][measure]) for n in names if n in of}
    return Headline(label, _or_none(value), note=note, nulls=nulls, better=better)


def _or_none(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _sentence(found: Findings, headlines: Sequence[Headline], emg: Emg, config: Comparison) -> str:
    """Say the errors, and of each which null model does as well."""
    errors = dict(zip(found.compared, headlines[::2], strict=True))
    each = " and ".join(f"{_shown(h.value)} for {m}" for m, h in errors.items())
    text = (
        f"Beside the {'made-up' if emg.synthetic else 'recorded'} EMG, the mean course of {config.signal} is off by "
        f"{each} on average, in shares of the muscle's full activity."
    )
    for m, h in errors.items():
        nulls = found.nulls[m].of_mean
        if WORDS[CONSTANT] in h.unbeaten:
            text += f" For {m}, a constant comes closer ({_shown(nulls[CONSTANT]['mae'])})."
        if WORDS[OTHERS] in h.unbeaten:
            text += f" {found.nulls[m].best_other} comes closer to the EMG of {m} than {found.muscles[m]} does."
    return text


def _shown(value: float | None) -> str:
    return f"{value:.3g}" if value is not None and np.isfinite(value) else "–"
