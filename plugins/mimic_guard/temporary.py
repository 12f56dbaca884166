"""Temporary files that do not outlive their process, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mimic_guard.stopping import at_the_end


@contextlib.contextmanager
def beside(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Yield a temporary file or folder beside ``path``; what is left of it in the end is removed.

    It lies in a folder of its own, which is locked, so that whoever writes the file may lock that, as HDF5 does. Those
    of earlier processes that were killed go first: a lock ends with its process.
    """
    prefix = f".{path.name}.mimic-"
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        _remove_unless_held(left)
    holder = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))
    held = os.open(holder, os.O_RDONLY)
    try:
        with at_the_end(lambda: _remove(holder)):
            _lock(held)
            tmp = holder / path.name
            if folder:
                tmp.mkdir()
            else:
                tmp.touch()
            yield tmp
    finally:
        os.close(held)
        _remove(holder)


def _remove_unless_held(path: Path) -> None:
    with contextlib.suppress(OSError):
        held = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        finally:
            os.close(held)


def _lock(held: int) -> None:
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(held, fcntl.LOCK_EX)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
