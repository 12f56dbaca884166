"""Tables and pictures, ready to be laid out by a template."""

from __future__ import annotations

import base64
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from mimic_core.analysis import FORMATS
from mimic_report.values import show

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[-+]?\d+)?", re.IGNORECASE)
# Vector figures stay sharp in print; very long ones (tens of thousands of points) slow a browser down.
MAX_SVG_BYTES = 600_000


@attrs.frozen
class Column:
    """A column's heading, and whether all its cells are numbers, which are aligned right."""

    heading: str
    numeric: bool


@attrs.frozen
class Cells:
    """A table as it is shown.

    Attributes:
        rows: texts, one for each column.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    note: str = ""


def cells(header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "", note: str = "") -> Cells:
    """Lay out a table; decimals within a column agree."""
    columns = [_column([r[i] for r in rows]) for i in range(len(header))]
    headings = tuple(Column(h, numeric) for h, (numeric, _) in zip(header, columns, strict=True))
    return Cells(headings, tuple(zip(*(texts for _, texts in columns), strict=True)), caption, note)


def _column(values: Sequence[Any]) -> tuple[bool, list[str]]:
    """Whether all values are numbers, and the values as text."""
    read = [_number(v) for v in values]
    if not any(v is not None for v in read) or not all(
        v is not None or c in ("", None) for v, c in zip(read, values, strict=True)
    ):
        return False, [show(None if v == "" else v) for v in values]
    floats = [abs(v) for v in read if isinstance(v, float) and math.isfinite(v)]
    if not floats or not 1e-3 <= max(floats) < 1e6:
        return True, [show(v) for v in read]
    places = max(0, 2 - math.floor(math.log10(max(floats))))
    return True, [f"{v:,.{places}f}" if isinstance(v, float) and math.isfinite(v) else show(v) for v in read]


def _number(v: Any) -> int | float | None:
    """The number in a cell; None if there is none. Codes like 007 are no numbers."""
    if isinstance(v, str) and (NUMBER.fullmatch(v) or v == "nan"):
        return int(v) if re.fullmatch(r"-?\d+", v) else float(v)
    return v if isinstance(v, (int, float)) and not isinstance(v, bool) else None


@attrs.frozen
class FigureFile:
    """A file of a figure, and the link to it; empty where the page lies apart from it."""

    name: str
    link: str = ""


@attrs.frozen
class Picture:
    """An inlined image.

    Attributes:
        source: its content as a data URL.
        files: what else it is kept as.
    """

    source: str
    caption: str
    files: tuple[FigureFile, ...] = ()


def picture(content: bytes, kind: str, caption: str, files: Sequence[FigureFile] = ()) -> Picture:
    """Inline an image; ``kind`` is ``png`` or ``svg+xml``."""
    return Picture(f"data:image/{kind};base64,{base64.b64encode(content).decode()}", caption, tuple(files))


def saved_figure(directory: Path, figure: str, caption: str, page: Path | None = None) -> Picture:
    """Inline a figure from ``FIGURE.svg`` or ``FIGURE.png`` in a directory.

    Args:
        page: folder of the page, for links to the files; None where it will lie apart from them.
    """
    svg, png = directory / f"{figure}.svg", directory / f"{figure}.png"
    use = svg if svg.is_file() and (svg.stat().st_size <= MAX_SVG_BYTES or not png.is_file()) else png
    there = [f for ending in FORMATS if (f := directory / f"{figure}.{ending}").is_file()]
    files = [FigureFile(f.name, _link(f, page) if page else "") for f in there]
    return picture(use.read_bytes(), "svg+xml" if use == svg else "png", caption or figure, files)


def _link(file: Path, page: Path) -> str:
    return quote(os.path.relpath(file.resolve(), page.resolve()).replace(os.sep, "/"))
