"""``mimic report``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mimic_core.cli.common import Json, Set, emit, load_plugins, settings, working


def report(
    run: Annotated[Path, typer.Argument(help="Folder that 'mimic run' wrote.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="The report; default: report.html in the folder.")] = None,
    writer: Annotated[str | None, typer.Option(help="Which report; default: the default one.")] = None,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Write one page that shows a run: tables, figures, methods, settings.

    Example: `mimic report demo --out demo.html`
    """
    from mimic_core.chain import stages

    plugins = load_plugins()
    with working(plugins):
        summary = stages.report(
            plugins, run, out=out or run / "report.html", writer=writer, settings=settings(set_, "report")
        )
    emit(summary, json, [f"report → {summary['out']}"])
