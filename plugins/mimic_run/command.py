"""``mimic run``: the stages of a run file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import attrs
import typer

from mimic_core import Headline, Table, structure
from mimic_core.cli import Json, Set, Watch, emit, load_plugins, settings, working


def run(
    file: Annotated[Path, typer.Argument(help="A run file (.toml).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    watch: Watch = False,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Run the stages of a run file. A second call redoes only what changed.

    Example: `mimic run examples/demo.toml --out demo`

    Settings of the file are changed with `--set`, e.g. `--set train.policy.steps=2000000`.
    """
    from mimic_run import pipeline

    plugins = load_plugins()
    with working(plugins, watch):
        summary = pipeline.run(plugins, file, out, settings(set_))
    rows = [
        [name, "done" if name in summary["done"] else "reused", float(s.get("seconds", 0.0))]
        for name, s in summary["stages"].items()
    ]
    found = {name: s.get("headlines") or [] for name, s in summary["stages"].items()}
    headlines = [
        attrs.evolve(h, label=f"{name}: {h.label}")
        for name, of_stage in found.items()
        for h in structure(of_stage, tuple[Headline, ...], name)
    ]
    last = summary["stages"].get("report", {}).get("out")
    emit(
        summary,
        json,
        [
            Table(columns=("stage", "", "seconds"), rows=rows, caption=str(file)),
            tuple(headlines),
            f"report: {Path(last).resolve()}" if last else f"results: {summary['out']}",
        ],
    )
