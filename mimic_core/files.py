"""Writing files so that nobody ever sees half of one, JSON as everything in mimic writes it, and hashes of contents."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core.errors import DataError
from mimic_guard.temporary import beside


def to_json(v: Any) -> Any:
    """Turn attrs records, mappings, sequences and numpy scalars into what ``json`` writes."""
    if attrs.has(type(v)):
        return {f.name: to_json(getattr(v, f.name)) for f in attrs.fields(type(v))}
    if isinstance(v, Mapping):
        return {str(k): to_json(x) for k, x in v.items()}
    if isinstance(v, np.ndarray):
        return to_json(v.tolist())
    if isinstance(v, (list, tuple)):
        return [to_json(x) for x in v]
    if isinstance(v, np.generic):
        return to_json(v.item())
    if isinstance(v, float) and not np.isfinite(v):
        return None
    return str(v) if isinstance(v, Path) else v


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success fsync it and rename it into place.

    Temporary files of earlier processes that were killed are removed.

    Raises:
        DataError: it cannot be written: the disk is full, the folder read-only, ``path`` a device or a folder.
    """
    path = Path(path)
    _check_ordinary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside(path) as tmp:
            yield tmp
            with tmp.open("rb") as f:
                os.fsync(f.fileno())
            tmp.replace(path)
    except OSError as e:
        raise DataError(f"{path}: cannot be written ({e.strerror or e}); free space or choose another place") from e


def _check_ordinary(path: Path) -> None:
    """Refuse to replace what is no file: a device, a pipe, a folder."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give the name of a file")
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is a device, no file that can be replaced; give the name of a file")


def check_output(path: str | Path) -> None:
    """Find out before the work whether a file can be written.

    Raises:
        DataError: ``path`` is a folder or a device, or its folder cannot be made or written to.
    """
    path = Path(path)
    _check_ordinary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise DataError(f"{path}: its folder cannot be made ({e.strerror}); choose another place") from e
    if not os.access(path.parent, os.W_OK):
        raise DataError(f"{path}: its folder cannot be written to; choose another place")


def write_bytes(path: str | Path, *parts: bytes) -> Path:
    """Write a file atomically."""
    with atomic_path(path) as tmp, tmp.open("wb") as f:
        f.writelines(parts)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file atomically."""
    return write_bytes(path, text.encode())


def write_json(path: str | Path, data: Any) -> Path:
    """Write ``data`` as readable JSON, atomically."""
    return write_text(path, json.dumps(to_json(data), indent=2, allow_nan=False) + "\n")


def file_hash(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as ``sha256:…``."""
    with Path(path).open("rb") as f:
        return "sha256:" + hashlib.file_digest(f, "sha256").hexdigest()


def value_hash(v: Any) -> str:
    """Return the SHA-256 of a JSON-able value, independent of the order of its keys."""
    return "sha256:" + hashlib.sha256(json.dumps(to_json(v), sort_keys=True).encode()).hexdigest()
