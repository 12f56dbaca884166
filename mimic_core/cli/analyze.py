"""``mimic analyze``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, emit, load_plugins, settings, table, working
from mimic_core.config import merge


def analyze(
    name: Annotated[str, typer.Argument(help="The analysis; see 'mimic plugins list'.", show_default=False)],
    rollouts: Annotated[Path, typer.Argument(help="Rollouts from 'mimic rollout'.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, tables (csv) and figures (png, svg).")],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Analyse rollouts: tables, figures and metrics.

    Example: `mimic analyze simplex rollouts.h5 --out simplex`
    """
    from mimic_core import stages

    plugins = load_plugins()
    with working(plugins):
        summary = stages.analyze(plugins, name, rollouts, out=out, settings=_settings(set_, name))
    emit(summary, json, [*_tables(out), f"tables and figures → {summary['out']}"])


def _settings(assignments: list[str] | None, name: str) -> dict[str, Any]:
    """Settings with or without the prefix that they have in a run file (``analyze.NAME.``)."""
    given = settings(assignments, "analyze")
    inner = given.pop(name, {})
    return merge(given, inner)


def _tables(directory: Path) -> list[Any]:
    """The tables that the analysis saved, as they are read in a terminal."""
    import csv
    from json import loads

    shown = []
    for name, caption in loads((directory / "result.json").read_text())["tables"].items():
        with (directory / f"{name}.csv").open(newline="") as f:
            columns, *rows = list(csv.reader(f))
        shown.append(table(caption or name, columns, [[_number(v) for v in row] for row in rows]))
    return shown


def _number(text: str) -> Any:
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text
