"""Small pieces of HTML. Every text that comes from outside passes through `text`."""

from __future__ import annotations

import base64
import html
import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mimic_core.analysis import FORMATS

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?(e[-+]?\d+)?", re.IGNORECASE)
# Vector figures stay sharp in print; very long ones (tens of thousands of points) slow a browser down.
MAX_SVG_BYTES = 600_000


def text(v: Any) -> str:
    """Escape text for element content and for quoted attributes."""
    return html.escape(str(v), quote=True)


def dig(values: Any, *keys: str) -> Any:
    """Follow keys into nested mappings; None where they lead nowhere."""
    for key in keys:
        values = values.get(key) if isinstance(values, Mapping) else None
    return values


def show(v: Any) -> str:
    """Format a value for reading: three significant digits, thousands parted, a dash for missing."""
    if v is None or (isinstance(v, float) and v != v):
        return "–"
    if isinstance(v, bool):
        return "yes" if v else "no"
    if isinstance(v, int):
        return f"{v:,}"
    if isinstance(v, float):
        return f"{v:,.0f}" if 1000 <= abs(v) < 1e15 else f"{v:.3g}"
    if isinstance(v, (list, tuple)):
        return ", ".join(show(x) for x in v) or "–"
    return str(v)


def duration(seconds: float | None) -> str:
    """Seconds as ``1 h 2 min``, ``3 min 20 s`` or ``4.2 s``."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f}\N{NO-BREAK SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    words = f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
    return words.replace(" ", "\N{NO-BREAK SPACE}")


def slug(*names: str) -> str:
    """An id for a heading."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(names).lower()).strip("-") or "section"


def table(header: Sequence[str], rows: Sequence[Sequence[Any]], caption: str = "", note: str = "") -> str:
    """A table; columns of numbers are aligned right."""
    columns = [_column([r[i] for r in rows]) for i in range(len(header))]
    side = [' class="n"' if numeric else "" for numeric, _ in columns]
    head = "".join(f'<th{s} scope="col">{text(h)}</th>' for h, s in zip(header, side, strict=True))
    lines = zip(*(cells for _, cells in columns), strict=True)
    body = "".join(
        "<tr>" + "".join(f"<td{s}>{text(c)}</td>" for c, s in zip(line, side, strict=True)) + "</tr>" for line in lines
    )
    label = f"<caption>{text(caption)}</caption>" if caption else ""
    extra = f'<p class="note">{text(note)}</p>' if note else ""
    return f'<div class="wide"><table>{label}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{extra}'


def _column(cells: Sequence[Any]) -> tuple[bool, list[str]]:
    """Whether all cells are numbers, and the cells as text; decimals of one column agree."""
    read = [_number(v) for v in cells]
    if not any(v is not None for v in read) or not all(
        v is not None or c in ("", None) for v, c in zip(read, cells, strict=True)
    ):
        return False, [show(None if v == "" else v) for v in cells]
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


def is_plain(v: Any) -> bool:
    """Fits into one cell: no mapping, and no list with mappings or lists in it."""
    return not isinstance(v, Mapping) and not (isinstance(v, list) and any(isinstance(x, (Mapping, list)) for x in v))


def name(key: str) -> str:
    """A key as a person reads it, its unit in brackets."""
    for ending, unit in (("_mm", "mm"), ("_ms", "ms"), ("_hz", "Hz"), ("_deg", "deg"), ("_s", "s")):
        if key.endswith(ending) and len(key) > len(ending):
            return f"{key.removesuffix(ending).replace('_', ' ')} ({unit})"
    return key.replace("_", " ")


def image(directory: Path, figure: str, caption: str, page: Path | None = None) -> str:
    """A figure from ``FIGURE.svg`` or ``FIGURE.png`` in a directory, inlined, with what else it is kept as.

    Args:
        page: folder of the page, for links to the files; None where it will lie apart from them.
    """
    svg, png = directory / f"{figure}.svg", directory / f"{figure}.png"
    use = svg if svg.is_file() and (svg.stat().st_size <= MAX_SVG_BYTES or not png.is_file()) else png
    there = [f for ending in FORMATS if (f := directory / f"{figure}.{ending}").is_file()]
    return picture(use.read_bytes(), "svg+xml" if use == svg else "png", caption or figure, _kept(there, page))


def _kept(there: Sequence[Path], page: Path | None) -> str:
    if page is None:
        return f"Files: {', '.join(text(f.name) for f in there)}"
    links = (quote(os.path.relpath(f.resolve(), page.resolve()).replace(os.sep, "/")) for f in there)
    return "Files: " + ", ".join(f'<a href="{text(at)}">{text(f.name)}</a>' for f, at in zip(there, links, strict=True))


def picture(content: bytes, kind: str, caption: str, kept: str = "") -> str:
    """An inlined image with its caption, and HTML that says where it is kept; a click enlarges it."""
    source = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    files = f' <span class="files">{kept}</span>' if kept else ""
    return (
        f'<figure><button type="button" class="enlarge" title="Enlarge">'
        f'<img src="{source}" alt="{text(caption)}"></button>'
        f"<figcaption>{text(caption)}{files}</figcaption></figure>"
    )


def details(summary: str, inner: str) -> str:
    """Something to unfold."""
    return f"<details><summary>{text(summary)}</summary>{inner}</details>" if inner else ""


def data(v: Any) -> str:
    """Values exactly as the run's JSON has them."""
    return code(json.dumps(v, indent=2, ensure_ascii=False))


def code(source: str) -> str:
    """A block of program text."""
    return f"<pre><code>{text(source)}</code></pre>"
