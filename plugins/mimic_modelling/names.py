"""Names that are not taken yet."""

from __future__ import annotations

from pathlib import Path


def free_name(name: str, taken: set[str]) -> str:
    """Return ``name``, or the first of ``name_2``, ``name_3``, … that is not taken (before the ending)."""
    path, n = Path(name), 2
    while name in taken:
        name, n = f"{path.stem}_{n}{path.suffix}", n + 1
    return name
