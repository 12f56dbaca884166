"""Writing files so that nobody ever sees half of one, JSON as everything in mimic writes it, and hashes of contents."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core.errors import DataError


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
    """Yield a temporary path beside ``path``; on success fsync it and rename it into place."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    os.close(fd)
    os.chmod(name, 0o666 & ~_umask())
    tmp = Path(name)
    try:
        yield tmp
        with tmp.open("rb") as f:
            os.fsync(f.fileno())
        tmp.replace(path)
    finally:
        tmp.unlink(missing_ok=True)


def check_output(path: str | Path) -> None:
    """Find out before the work whether a file can be written.

    Raises:
        DataError: ``path`` is a folder, or its folder cannot be made or written to.
    """
    path = Path(path)
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give the name of a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise DataError(f"{path}: its folder cannot be made ({e.strerror}); choose another place") from e
    if not os.access(path.parent, os.W_OK):
        raise DataError(f"{path}: its folder cannot be written to; choose another place")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def write_text(path: str | Path, text: str) -> Path:
    """Write a text file atomically."""
    with atomic_path(path) as tmp:
        tmp.write_text(text, encoding="utf-8")
    return Path(path)


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
