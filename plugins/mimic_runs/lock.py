"""A lock on a folder that one process at a time may write into."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from mimic_core import DataError, write_json
from mimic_guard.stopping import at_the_end

LOCK = ".lock"
"""How the names of a lock's files begin; they are no output."""


@contextlib.contextmanager
def locked(*folders: str | Path) -> Iterator[None]:
    """Hold folders, which are made if they are not there, for this process.

    The operating system releases the lock of a process that ends, however it ends: there is none to be removed by hand.

    Raises:
        DataError: another process holds one, or one cannot be written to.
    """
    with contextlib.ExitStack() as held:
        for folder in folders:
            held.enter_context(_locked(Path(folder)))
        yield


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    import filelock

    owner, lock = folder / f"{LOCK}.json", filelock.FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as e:
        raise DataError(f"{folder}: {_holder(owner)} writes into it; wait for it, or choose another --out") from e
    except OSError as e:
        raise DataError(f"{folder}: cannot be written to ({e.strerror}); choose another --out") from e
    try:
        with at_the_end(lambda: owner.unlink(missing_ok=True)):
            write_json(owner, {"process": os.getpid(), "host": socket.gethostname()})
            yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _holder(owner: Path) -> str:
    """Who holds a lock, in words."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        found = json.loads(owner.read_text())
        return f"process {found['process']} on {found['host']}"
    return "another process"
