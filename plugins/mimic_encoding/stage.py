"""The stage `neural`: spikes or signals of a session to bins of each trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from attrs.validators import ge, gt

from mimic_core import (
    ConfigError,
    Context,
    Inputs,
    Plugins,
    Reads,
    Rollouts,
    StageSpec,
    Table,
    blaming,
    file_hash,
    option,
)
from mimic_core.chain import versions
from mimic_encoding.neural import COUNTS, Neural


@attrs.frozen(kw_only=True)
class NeuralOptions:
    """Count the spikes, or average the signals, of each trial in bins, to be compared with network and movement.

    Example: `mimic neural session.nwb --out neural.h5`

    Files are one .nwb (units with spike times, or time series such as photometry; and trials), or .csv: a trial table
    (clip, start_s, end_s) and spikes (unit, time_s) or signals (time_s and a column for each). Times are those of the
    session. With --code the file is one of rollouts, and the neurons are made up to encode one of its sources:
    `mimic neural rollouts.h5 --code intention --out neural.h5`
    """

    files: tuple[Path, ...] = option((), argument=True, pattern=True, help="The recording; see above.")
    bin_ms: float = option(20.0, validator=gt(0), help="Width of a bin.")
    before_ms: float = option(0.0, validator=ge(0), help="How long before its start a trial's bins begin.")
    series: tuple[str, ...] = option((), help="NWB: these time series instead of the units.")
    clips: str = option("", help="Name of a trial's clip, with {trial}, where the trials have no column clip.")
    code: str = option("", help="Make up neurons that encode this source of the rollouts, e.g. intention.")
    neurons: int = option(20, validator=gt(0), help="How many to make up.")
    events_hz: float = option(20.0, validator=gt(0), help="Mean rate of the spikes that are made up.")
    seed: int = option(0, help="Of weights and spikes that are made up.")


def check(options: NeuralOptions, plugins: Plugins) -> Mapping[str, Any]:
    """Refuse a stage without anything to read."""
    if not options.files and not options.code:
        raise ConfigError(
            "neural: needs a recording (files), or rollouts and the source that made-up neurons encode (code); add "
            'e.g. files = ["session.nwb"]'
        )
    if options.code and len(options.files) > 1:
        raise ConfigError("neural: made-up neurons (code) are made of one file of rollouts; give no other")
    return {}


def work(options: NeuralOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Bin the recording and save it."""
    check(options, context.plugins)
    width = options.bin_ms * 1e-3
    if options.code:
        from mimic_encoding.made_up import made_up

        rollouts = Rollouts.load(options.files[0]) if options.files else inputs.one(Rollouts.KIND)
        found = made_up(rollouts, options.code, width, options.neurons, options.events_hz, options.seed)
    else:
        found = _recorded(options, width)
    found = attrs.evolve(
        found,
        provenance={
            "settings": {"bin_ms": options.bin_ms, "before_ms": options.before_ms, "series": list(options.series)},
            "inputs": {str(f): file_hash(f) for f in options.files},
            "versions": versions(context.plugins),
        },
    )
    found.save(context.out)
    known = np.isfinite(found.values)
    mean = np.nansum(found.values, axis=(0, 1)) / np.maximum(known.sum(axis=(0, 1)), 1)
    per = found.rate_hz if found.kind_of_value == COUNTS else 1.0
    return {
        "trials": len(found.trial_names),
        "neurons": len(found.neuron_names),
        "bins": found.values.shape[1],
        "bin_ms": 1e3 / found.rate_hz,
        "kind": found.kind_of_value,
        "mean": {n: float(m * per) for n, m in zip(found.neuron_names, mean, strict=True)},
        "synthetic": found.synthetic,
        "methods": found.methods,
    }


def _recorded(options: NeuralOptions, width: float) -> Neural:
    from mimic_encoding.session import bins, recording

    with blaming("cannot be read", *options.files):
        session = recording(options.files, options.series, options.clips)
        values = bins(session, width, options.before_ms * 1e-3)
    how = "spikes were counted" if session.kind == COUNTS else "signals were averaged"
    return Neural(
        kind_of_value=session.kind,
        rate_hz=1.0 / width,
        first_s=width / 2 - options.before_ms * 1e-3,
        trial_names=session.trials.names,
        neuron_names=tuple(session.spikes or session.signals),
        values=values,
        methods=f"In each trial {how} in bins of {1e3 * width:g} ms, from {options.before_ms:g} ms before its start.",
    )


def lines(summary: Mapping[str, Any]) -> Iterator[str | Table]:
    unit = "spikes/s" if summary["kind"] == COUNTS else "mean"
    rows = sorted(summary["mean"].items(), key=lambda item: -item[1])
    yield Table(columns=("neuron", unit), rows=rows[:20], caption="The most active" if len(rows) > 20 else "")
    made_up = " (made up)" if summary["synthetic"] else ""
    yield (
        f"{summary['neurons']} neurons{made_up}, {summary['trials']} trials, at most {summary['bins']} bins of "
        f"{summary['bin_ms']:g} ms → {summary['out']}"
    )


SPEC = StageSpec(
    name="neural",
    config=NeuralOptions,
    work=work,
    reads=(Reads(Rollouts.KIND, unless="files"),),
    writes=Neural.KIND,
    output="neural.h5",
    decides=check,
    lines=lines,
    summary="spikes or signals of a session to bins of each trial",
)
