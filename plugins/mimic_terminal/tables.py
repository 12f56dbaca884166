"""What a terminal shows of a summary: texts and tables, numbers with three digits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from mimic_core import Headline, Table

FEW = 4  # columns, which leave room for long texts
MAX_CELL = 60  # longer texts stand below a table with more columns
MAX_WIDTH = 20  # of a name in a cell; longer ones lose their middle in such a table


def renderables(item: Any) -> Iterator[Any]:
    """What rich prints of a text, a table, or a tuple of headlines."""
    if isinstance(item, Table):
        yield from drawn(item)
    elif isinstance(item, tuple):
        yield from drawn(beside_nulls(item)) if item else ()
    else:
        yield item


def beside_nulls(headlines: Sequence[Headline]) -> Table:
    """The numbers that a reader looks for first; below each, what its null models get."""
    rows: list[tuple[str, str, str]] = []
    for h in headlines:
        rows.append((h.label, _measured(h.value, h.unit), f"{h.better} is better" if h.better else ""))
        rows += [
            (f"  {n}", _measured(v, h.unit), "does as well" if n in h.unbeaten else "") for n, v in h.nulls.items()
        ]
    return Table(columns=("", "value", "null models below"), rows=rows, caption="In short")


def _measured(v: float | None, unit: str) -> str:
    return "-" if v is None else f"{v:.3g} {'' if unit == '1' else unit}".strip()


def drawn(shown: Table) -> Iterator[Any]:
    """A table no wider than it must be; long texts of a table with many columns stand below it."""
    columns, rows = [str(c) for c in shown.columns], shown.rows
    long = [] if len(columns) <= FEW else [i for i in range(1, len(columns)) if any(_long(row[i]) for row in rows)]
    short = [i for i in range(len(columns)) if i not in long]
    yield _table(shown.caption, [columns[i] for i in short], [[row[i] for i in short] for row in rows])
    below = [f"{row[0] or columns[0]}, {columns[i]}: {row[i]}" for row in rows for i in long if row[i]]
    yield from dict.fromkeys(below)


def _long(cell: Any) -> bool:
    return isinstance(cell, str) and len(cell) > MAX_CELL


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Any:
    from rich.table import Table as RichTable

    out, cells = RichTable(title=title, title_justify="left"), []
    for i, head in enumerate(columns):
        texts, numeric = _column([row[i] for row in rows], whole=len(columns) <= FEW)
        cells.append(texts)
        # where the terminal is too narrow, names give way and numbers stay whole
        out.add_column(head.replace(" ", "\n"), justify="right", no_wrap=True) if numeric else out.add_column(head)
    for row in zip(*cells, strict=True):
        out.add_row(*row)
    return out


def _column(cells: Sequence[Any], whole: bool) -> tuple[list[str], bool]:
    """The cells as text, and whether they are numbers: whole ones, or three digits of the largest."""
    numbers = [c for c in cells if isinstance(c, (int, float)) and not isinstance(c, bool)]
    if not numbers or any(c not in (None, "") and c not in numbers for c in cells):
        texts = [f"{c:.4g}" if isinstance(c, float) else "" if c is None else str(c) for c in cells]
        return texts if whole else [_short(t) for t in texts], False
    largest = max((abs(v) for v in numbers if math.isfinite(v)), default=1.0)
    places = min(3, max(0, 2 - math.floor(math.log10(largest or 1.0))))
    form = ".0f" if all(float(v).is_integer() for v in numbers) else ".3g" if largest < 5e-4 else f".{places}f"
    return [f"{c:{form}}" if c in numbers else "-" for c in cells], True


def _short(name: str) -> str:
    if " " in name:  # words wrap
        return name
    return name if len(name) <= MAX_WIDTH else f"{name[: MAX_WIDTH // 2 - 1]}…{name[-MAX_WIDTH // 2 :]}"
