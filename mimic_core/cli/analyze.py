"""``mimic analyze``"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, emit, load_plugins, settings, table, working
from mimic_core.config import merge

MAX_ROWS = 24  # longer tables are cut in the terminal; their csv files hold all rows
MAX_CELL = 60  # longer texts stand below their table
MAX_WIDTH = 20  # of a name in a cell; longer ones lose their middle


def analyze(
    name: Annotated[str, typer.Argument(help="The analysis; see 'mimic plugins list'.", show_default=False)],
    files: Annotated[
        list[Path],
        typer.Argument(
            help="What it reads, in any order: rollouts, reference clips, EMG, the folder of a sweep.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, tables (csv) and figures (png, svg, pdf).")],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Analyse rollouts, reference clips, EMG or a sweep: tables, figures and metrics.

    Example: `mimic analyze simplex rollouts.h5 --out simplex`

    Of a registration: `mimic analyze registration clips.h5 --out quality`

    Every file says itself what it is. What an analysis reads is shown by `mimic plugins show NAME`.
    """
    from mimic_core.chain import stages

    plugins = load_plugins()
    with working(plugins):
        summary = stages.analyze(plugins, name, *files, out=out, settings=_settings(set_, name))
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
        long = [i for i in range(1, len(columns)) if any(len(row[i]) > MAX_CELL for row in rows)]
        short = [i for i in range(len(columns)) if i not in long]
        few = rows[:MAX_ROWS]
        shown.append(_table(caption or name, [columns[i] for i in short], [[row[i] for i in short] for row in few]))
        below = [f"{row[0] or columns[0]}, {columns[i]}: {row[i]}" for row in few for i in long if row[i]]
        shown += dict.fromkeys(below)
        if len(rows) > MAX_ROWS:
            shown.append(f"… {len(rows) - MAX_ROWS} more in {directory / f'{name}.csv'}")
    return shown


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Any:
    """A table no wider than it must be: numbers with three digits under headings of one word a line."""
    cells = [_column([row[i] for row in rows]) for i in range(len(columns))]
    heads = [c.replace(" ", "\n") if numeric else c for c, (_, numeric) in zip(columns, cells, strict=True)]
    out = table(title, heads, list(map(list, zip(*(texts for texts, _ in cells), strict=True))))
    for column, (_, numeric) in zip(out.columns, cells, strict=True):
        # where the terminal is too narrow, names give way and numbers stay whole
        column.justify, column.no_wrap = ("right", True) if numeric else ("left", False)
    return out


def _column(cells: list[str]) -> tuple[list[str], bool]:
    """The cells as text, and whether they are numbers: whole ones, or three digits of the largest."""
    try:
        numbers = [float(c) for c in cells if c]
    except ValueError:
        return [_short(c) for c in cells], False
    if all(v.is_integer() for v in numbers):
        return [f"{float(c):.0f}" if c else "-" for c in cells], True
    largest = max((abs(v) for v in numbers if math.isfinite(v)), default=1.0)
    if 0 < largest < 5e-4:
        return [f"{float(c):.3g}" if c else "-" for c in cells], True
    places = min(3, max(0, 2 - math.floor(math.log10(largest or 1.0))))
    return [f"{float(c):.{places}f}" if c else "-" for c in cells], True


def _short(name: str) -> str:
    if " " in name:  # words wrap
        return name
    return name if len(name) <= MAX_WIDTH else f"{name[: MAX_WIDTH // 2 - 1]}…{name[-MAX_WIDTH // 2 :]}"
