"""A digest at the end of a file's bytes, which tells whether anything in them was changed."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from mimic_guard import Refused

SEAL = b"\nmimic sha256 %s\n"
"""What ends sealed bytes: a digest of all that is before it."""


def seal(data: bytes | memoryview) -> bytes:
    """Return what is to be written behind bytes: their digest."""
    return SEAL % hashlib.sha256(data).hexdigest().encode()


def is_sealed(data: bytes) -> bool:
    """Whether bytes end in a digest, and, if they do, whether that is the digest of what is before it.

    Raises:
        Refused: it is not: something changed them.
    """
    view, size = memoryview(data), len(SEAL % (64 * b"0"))
    end = bytes(view[-size:])
    if not end.startswith(SEAL[:-3]):
        return False
    if end != seal(view[:-size]):
        raise Refused("is damaged: its digest is not that of its contents; copy it again or make it again")
    return True


def unsealed(path: Path) -> None:
    """Take the digest off a file that ends in one, whatever it says, so that the file can be gone on with."""
    os.truncate(path, path.stat().st_size - len(SEAL % (64 * b"0")))


def reseal(path: Path) -> None:
    """Put the digest of all that is in a file behind it, without holding the file in memory."""
    with path.open("r+b") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
        f.seek(0, os.SEEK_END)
        f.write(SEAL % digest.encode())
