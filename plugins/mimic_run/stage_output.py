"""The output of a stage of a run: put aside while it is made anew, and told apart by what is in it."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from mimic_core import file_hash, value_hash
from mimic_core.chain import LOGS


@contextlib.contextmanager
def aside(path: Path | None, keep_new: bool) -> Iterator[None]:
    """Put an earlier output aside while a new one is made; bring it back if that fails.

    With ``keep_new`` an unfinished new output stays where it is, to be gone on with, and takes the place of the old.
    """
    old = path.with_name(f".{path.name}.before") if path is not None and path.exists() else None
    if old is not None:
        remove(old)
        path.rename(old)
    try:
        yield
    except BaseException:
        if old is not None and not (keep_new and path.exists()):
            remove(path)
            old.rename(path)
        raise
    finally:
        if old is not None:
            remove(old)


def output_hash(path: Path) -> str:
    """Return a hash of a file, or of the names and contents of a folder's files (see `files_below`)."""
    files = files_below(path) if path.is_dir() else [path]
    return value_hash([[str(p.relative_to(path)), file_hash(p)] for p in files])


def files_below(folder: Path) -> list[Path]:
    """Files below a folder, except those of loggers, which may be uploaded, marked or thrown away."""
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and LOGS not in p.relative_to(folder).parts]


def remove(path: Path) -> None:
    """Remove a file or folder that may be there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
