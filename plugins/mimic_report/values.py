"""Values as a person reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


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


def is_plain(v: Any) -> bool:
    """Fits into one cell: no mapping, and no list with mappings or lists in it."""
    return not isinstance(v, Mapping) and not (isinstance(v, list) and any(isinstance(x, (Mapping, list)) for x in v))


def name(key: str) -> str:
    """A key as a person reads it, its unit in brackets."""
    for ending, unit in (("_mm", "mm"), ("_ms", "ms"), ("_hz", "Hz"), ("_deg", "deg"), ("_s", "s")):
        if key.endswith(ending) and len(key) > len(ending):
            return f"{key.removesuffix(ending).replace('_', ' ')} ({unit})"
    return key.replace("_", " ")
