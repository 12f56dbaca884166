"""``mimic emg``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mimic_core.cli.common import Json, Set, emit, load_plugins, settings, table, working


def emg(
    files: Annotated[list[Path], typer.Argument(help="Recordings, as the reader takes them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the envelopes go (.h5).")],
    reader: Annotated[
        str | None, typer.Option(help="What reads them, see 'mimic plugins list'; default: the default one.")
    ] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Turn recorded EMG into envelopes, trial by trial, to be compared with simulated muscles.

    Example: `mimic emg biceps.csv triceps.csv trials.csv --out emg.h5`

    The files that a reader takes and its settings are shown by `mimic plugins show READER`.
    """
    from mimic_core.chain import stages

    plugins = load_plugins()
    with working(plugins):
        summary = stages.emg(plugins, files, out=out, reader=reader, settings=settings(set_, "emg"))
    trials = (
        f"{summary['trials']} trials"
        if summary["averaged_trials"] == 1
        else f"{summary['averaged_trials']} trials averaged"
    )
    if summary["synthetic"]:
        trials += " (made up)"
    emit(
        summary,
        json,
        [
            table(
                "Mean envelope", ["muscle", "mean"], [[m, "-" if v is None else v] for m, v in summary["mean"].items()]
            ),
            f"{trials}, {summary['samples']} samples at {summary['rate_hz']:g} Hz → {summary['out']}",
        ],
    )
