"""The same comparison in bodies whose muscles differ: error bars for muscles that nobody measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import Emg, Rollouts, Table
from mimic_emg.compare import compare, recorded
from mimic_emg.findings import Compared, Varied, single_trials
from mimic_emg.settings import Comparison
from mimic_sensitivity import ALL, PARAMETERS, Sensitivity, Spread

SHOWN = ("mae", "r", "r2_affine")
"""Measures that have an error bar."""


def vary(
    sensitivity: Sensitivity,
    rollouts: Sequence[Rollouts],
    emg: Emg,
    muscles: Mapping[str, str],
    trials: Sequence[str],
    kept: np.ndarray,
    config: Comparison,
) -> Varied:
    """Compare every body of the sensitivity with the EMG, over the clips that it has.

    Args:
        rollouts: among them those of the same controller.
        muscles: recorded muscle → simulated muscle.
        trials: names that EMG and rollouts share.
        kept: (sample,) samples of the EMG that are compared.
    """
    bodies = sensitivity.rollouts(sensitivity.controller_among(rollouts))
    shared = [t for t in trials if t in sensitivity.clip_names]
    at_once = attrs.evolve(config, largest_lag_ms=0.0)  # no search for a lag
    beside = {m: recorded(emg, m, shared, kept) for m in muscles}

    def compared(name: str, muscle: str, body: int) -> Compared:
        return compare(bodies[body], muscle, beside[name], shared, emg.time[kept], 1 / emg.rate_hz, at_once)

    of_mean, of_trials, every, course = {}, {}, {}, {}
    for name, muscle in muscles.items():
        found = [compared(name, muscle, b) for b in range(len(bodies))]
        of_mean[name] = _by_parameter(sensitivity, [c.on_mean for c in found])
        if shared:
            of_trials[name] = _by_parameter(sensitivity, [single_trials(c) for c in found])
        if ALL not in sensitivity.parameters:
            continue
        places = sensitivity.places(ALL)
        course[name] = Spread.of([found[b].mean for b in places], found[0].mean)
        every[name] = {muscle: of_mean[name][ALL]}
        for other in bodies[0].muscle_names:
            if other != muscle:
                each = {b: compared(name, other, b).on_mean for b in (0, *places)}
                every[name][other] = {k: Spread.of([each[b][k] for b in places], each[0][k]) for k in SHOWN}
    tracking = sensitivity.spread_of(lambda b: sensitivity.error_mm[b].mean())
    return Varied(sensitivity.said, tracking, of_mean, of_trials, every, course)


def _by_parameter(sensitivity: Sensitivity, each: Sequence[Mapping[str, float]]) -> dict[str, dict[str, Spread]]:
    """Parameter → measure → spread, of one mapping of measures for each body."""
    of = {k: sensitivity.spread_of(lambda b, k=k: each[b][k]) for k in SHOWN}
    return {p: {k: of[k][p] for k in SHOWN} for p in sensitivity.parameters}


def metrics(varied: Varied, name: str) -> dict[str, Any]:
    """Numbers of one recorded muscle."""
    out: dict[str, Any] = {p: {k: s.numbers for k, s in of.items()} for p, of in varied.of_mean[name].items()}
    for p, of in varied.of_trials.get(name, {}).items():
        out[p]["trials"] = {k: s.numbers for k, s in of.items()}
    return out


def table(varied: Varied, signal: str) -> Table:
    """Error and R² beside EMG by what is varied."""
    rows = [
        (name, of, PARAMETERS[p], words, float(s.unchanged), float(s.mean), float(s.sd))
        for of, found in (("mean", varied.of_mean), ("trials", varied.of_trials))
        for name, by_parameter in found.items()
        for p, spreads in by_parameter.items()
        for words, s in (("MAE", spreads["mae"]), ("R² affine", spreads["r2_affine"]))
    ]
    off = " and ".join(f"{s.mean:.3g} mm with {PARAMETERS[p]}" for p, s in list(varied.tracking_mm.items())[-1:])
    as_it_is = next(iter(varied.tracking_mm.values())).unchanged
    return Table(
        columns=("EMG", "of", "varied", "measure", "unchanged", "mean", "SD"),
        rows=rows,
        caption=f"The {signal} of the same controller beside EMG in the body as it is (unchanged), and {varied.said}, "
        f"or in one of these alone; over the clips of the sensitivity. The controller is {as_it_is:.3g} mm off the "
        f"reference in the body as it is, {off}.",
    )


def note(varied: Varied | None, name: str, measure: str) -> str:
    """What a headline says of its error bar; empty without one."""
    spread = None if varied is None else varied.mean(name, measure)
    if spread is None or not np.isfinite(spread.mean):
        return ""
    return f"; {float(spread.mean):.3g} ± {float(spread.sd):.2g} in bodies with other muscles"
