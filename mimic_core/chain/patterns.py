"""Which settings are paths, and what wildcards match."""

from __future__ import annotations

import glob
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mimic_core.errors import DataError


def holds_paths(kind: Any) -> bool:
    """Whether values of a type are paths, or lists of them."""
    return kind is Path or any(holds_paths(k) for k in typing.get_args(kind))


def expanded(patterns: Sequence[Path], where: str) -> tuple[Path, ...]:
    """The files that patterns match, in order.

    Raises:
        DataError: a pattern matches no file.
    """
    files: list[Path] = []
    for pattern in patterns:
        found = [pattern] if pattern.exists() else [Path(f) for f in sorted(glob.glob(str(pattern)))]
        if not found:
            raise DataError(f"{where}: {pattern}: no such file; check the path")
        files += found
    return tuple(files)
