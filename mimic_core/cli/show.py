"""What a terminal shows of a summary: texts and tables, numbers with three digits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mimic_core.analysis.result import Headline, Table
from mimic_core.config import structure
from mimic_core.plugins.stage import StageSpec

MAX_ROWS = 24  # longer tables are cut in the terminal; their csv files hold all rows
MAX_CELL = 60  # longer texts stand below their table
MAX_WIDTH = 20  # of a name in a cell; longer ones lose their middle


def rendered(spec: StageSpec, summary: Mapping[str, Any]) -> Iterator[Any]:
    """What a terminal shows of a stage's summary: the stage's own lines, or else the summary's numbers."""
    if headlines := structure(summary.get("headlines") or [], tuple[Headline, ...], "headlines"):
        yield from analysis_table(beside_nulls(headlines))
    shown = spec.lines(summary) if spec.lines is not None else _numbers(spec, summary)
    for item in shown:
        if isinstance(item, Table):
            yield from analysis_table(item)
        else:
            yield item


def beside_nulls(headlines: Sequence[Headline]) -> Table:
    """The numbers that a reader looks for first; below each, what its null models get."""
    rows: list[tuple[str, str, str]] = []
    for h in headlines:
        rows.append((h.label, _measured(h.value, h.unit), f"{h.better} is better" if h.better else ""))
        rows += [(f"  {n}", _measured(v, h.unit), "does as well" if n in h.unbeaten else "") for n, v in h.nulls.items()]
    return Table(columns=("", "value", "null models below"), rows=rows, caption="In short")


def _measured(v: float | None, unit: str) -> str:
    return "-" if v is None else f"{v:.3g} {'' if unit == '1' else unit}".strip()


def _numbers(spec: StageSpec, summary: Mapping[str, Any]) -> Iterator[Any]:
    plain = [(k, v) for k, v in summary.items() if k != "out" and isinstance(v, (int, float, str))]
    yield Table(columns=("", ""), rows=plain, caption=spec.summary or spec.name)
    yield f"{spec.name} → {summary['out']}"


def analysis_table(shown: Table) -> Iterator[Any]:
    """A table no wider than it must be, and below it the long texts and how many rows are left out."""
    rows = [["" if c is None else str(c) for c in row] for row in shown.rows]
    columns = [str(c) for c in shown.columns]
    long = [i for i in range(1, len(columns)) if any(len(row[i]) > MAX_CELL for row in rows)]
    short = [i for i in range(len(columns)) if i not in long]
    few = rows[:MAX_ROWS]
    yield _table(shown.caption, [columns[i] for i in short], [[row[i] for i in short] for row in few])
    below = [f"{row[0] or columns[0]}, {columns[i]}: {row[i]}" for row in few for i in long if row[i]]
    yield from dict.fromkeys(below)
    if len(rows) > MAX_ROWS:
        yield f"… {len(rows) - MAX_ROWS} more rows in the csv file"


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    """Return a table for the terminal; numbers are right-aligned and rounded to three digits."""
    from rich.table import Table as RichTable

    out = RichTable(title=title, title_justify="left")
    for i, column in enumerate(columns):
        numeric = any(isinstance(r[i], (int, float)) for r in rows)
        out.add_column(column, justify="right" if numeric else "left", no_wrap=i == 0)
    for row in rows:
        out.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    return out


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Any:
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
