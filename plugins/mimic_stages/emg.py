"""The stage `emg`: recorded EMG to envelopes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import (
    Choice,
    ConfigError,
    Context,
    Emg,
    Inputs,
    Plugins,
    Reads,
    Rollouts,
    StageSpec,
    Table,
    blaming,
    choice,
    file_hash,
    option,
    structure,
    unstructure,
)
from mimic_core.chain import versions


@attrs.frozen(kw_only=True)
class EmgOptions:
    """Turn recorded EMG into envelopes, trial by trial, to be compared with simulated muscles.

    Example: `mimic emg biceps.csv triceps.csv trials.csv --out emg.h5`

    The files that a reader takes and its settings are shown by `mimic plugins show READER`.
    """

    files: tuple[Path, ...] = option((), argument=True, pattern=True, help="Recordings, as the reader takes them.")
    reader: Choice = choice(
        "emg_reader", flat=True, help="What reads them, see 'mimic plugins list'; default: the default one."
    )


def check(options: EmgOptions, plugins: Plugins) -> Mapping[str, Any]:
    """Refuse a reader without anything to read."""
    if not options.files and not plugins.choose("emg_reader", options.reader.name).of_rollouts:
        raise ConfigError('emg: needs the recordings; add e.g. files = ["emg_biceps.csv", "trials.csv"]')
    return {}


def work(options: EmgOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Turn recordings into envelopes and save them."""
    check(options, context.plugins)
    spec = context.plugins.choose("emg_reader", options.reader.name)
    config = structure(dict(options.reader.settings), spec.config, "emg")
    files = [Path(f) for f in options.files or inputs.all(Rollouts.KIND)]
    with blaming(f"the reader {spec.name} cannot read it; export it again", *files):
        found: Emg = spec.build(config)(files)
    found = attrs.evolve(
        found,
        provenance={
            **found.provenance,
            "reader": spec.name,
            "settings": unstructure(config),
            "inputs": {str(f): file_hash(f) for f in files if f.is_file()},
            "versions": versions(context.plugins),
        },
    )
    found.save(context.out)
    return {
        "reader": spec.name,
        "trials": len(found.trial_names),
        "averaged_trials": found.averaged_trials,
        "muscles": list(found.muscle_names),
        "rate_hz": found.rate_hz,
        "samples": found.envelope.shape[1],
        "mean": {m: _mean(found.envelope[..., i]) for i, m in enumerate(found.muscle_names)},
        "synthetic": found.synthetic,
    }


def _mean(values: np.ndarray) -> float | None:
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def lines(summary: Mapping[str, Any]) -> Iterator[str | Table]:
    averaged, single = summary["averaged_trials"], summary["averaged_trials"] == 1
    trials = f"{summary['trials']} trials" if single else f"{averaged} trials averaged"
    made_up = " (made up)" if summary["synthetic"] else ""
    yield Table(columns=("muscle", "mean"), rows=summary["mean"].items(), caption="Mean envelope")
    yield f"{trials}{made_up}, {summary['samples']} samples at {summary['rate_hz']:g} Hz → {summary['out']}"


SPEC = StageSpec(
    name="emg",
    config=EmgOptions,
    work=work,
    reads=(Reads(Rollouts.KIND, unless="files"),),
    writes=Emg.KIND,
    output="emg.h5",
    decides=check,
    lines=lines,
    summary="recorded EMG to envelopes",
)
