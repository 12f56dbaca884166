"""HDF5 files of strangers: nothing outside of a file is read, nor more than a file of its size can hold."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from mimic_guard import Refused

FREE_BYTES, PER_BYTE = 1 << 25, 100
"""What the datasets of a file may hold together: so much, and so much more for each of its bytes (compression)."""
MOST_OBJECTS, DEEPEST, MOST_GROWTH = 100_000, 50, 1 << 29
_FEW_TEXTS, MOST_SCANNED = 1000, 1 << 28
_ONE_AT_A_TIME = threading.RLock()


def check_hdf5(f: h5py.File, size: int) -> None:
    """Look at every dataset and attribute of a file before any is read.

    Args:
        size: of the file, bytes.

    Raises:
        Refused: it takes data from other files (external storage or links, virtual datasets), or claims to hold more
            than a file of its size can.
    """
    if size <= MOST_SCANNED and Path(f.filename).is_file():
        _check_heaps(Path(f.filename).read_bytes())
    with little_memory():
        _check(f, size)


def _check_heaps(data: bytes) -> None:
    """Refuse a heap of texts in which a free place has no size: HDF5 would look for the next one for ever.

    Layout: HDF5 File Format Specification, Disk Format: Level 1E - Global Heap.
    """
    at = data.find(b"GCOL\x01")
    while at >= 0:
        end = min(at + int.from_bytes(data[at + 8 : at + 16], "little"), len(data))
        place = at + 16
        while place + 16 <= end:
            number, size = int.from_bytes(data[place : place + 2], "little"), data[place + 8 : place + 16]
            step = int.from_bytes(size, "little")
            if not number and not step:
                raise Refused("is damaged in its texts; copy or make it again")
            place += 16 + step + -step % 8 if number else step
        at = data.find(b"GCOL\x01", at + 5)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Let this process grow by no more than `MOST_GROWTH` meanwhile, where the system can hold it to that.

    A text of any length tells its length itself, and HDF5 makes room for it, and fills that, before it looks whether
    there is one; nothing in HDF5 tells the length beforehand. The limit is the process's: other threads share what
    growth it leaves, and one thread at a time sets it, so that each finds and restores what was there.
    """
    with _ONE_AT_A_TIME:
        yield from _limited()


def _limited() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    try:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        most = held + MOST_GROWTH
        resource.setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(soft, most), hard))
    except (OSError, ValueError):  # no such limit here
        pass
    try:
        yield
    except MemoryError as e:
        raise Refused("asks for more memory than it can need; export it again") from e
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _check(f: h5py.File, size: int) -> None:
    seen: set[int] = set()
    waiting, total = [(f, 0)], 0
    while waiting:
        item, depth = waiting.pop()
        address = h5py.h5o.get_info(item.id).addr
        if address in seen:
            continue
        seen.add(address)
        for i in range(h5py.h5a.get_num_attrs(item.id)):
            attribute = h5py.h5a.open(item.id, index=i)
            if not attribute.get_space().get_simple_extent_npoints():
                continue  # an attribute without a value, as pytables writes them
            total += attribute.get_storage_size()
            _check_type(attribute.get_type(), item.name)
            if h5py.check_string_dtype(attribute.dtype) and math.prod(attribute.shape or ()) <= _FEW_TEXTS:
                attribute.read(np.empty(attribute.shape or (), attribute.dtype))
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external:
                raise Refused(f"{item.name} takes its data from other files, which is refused; export a copy")
            total += _claimed(item, size)
        elif isinstance(item, h5py.Group):
            here = item.name.rstrip("/")
            names: list[bytes] = []
            # a damaged group may go round in a circle
            item.id.links.iterate(lambda name, to=names: to.append(name) or (len(to) > MOST_OBJECTS or None))
            for name in names:
                link = item.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    told = f"{here}/{os.fsdecode(name)} is a link into {link.filename}"
                    raise Refused(f"{told}, which is refused; export a copy")
                if isinstance(link, h5py.HardLink):
                    waiting.append((item[name], depth + 1))
        if total > FREE_BYTES + PER_BYTE * size:
            raise Refused(
                f"{item.name} makes it {total / 1e6:,.0f} MB of data in a file of {size / 1e6:,.3g} MB, which "
                "cannot be; export it again"
            )
        if len(seen) + len(waiting) > MOST_OBJECTS or depth > DEEPEST:
            raise Refused(f"{item.name[:60]} is one of too many or too deeply nested groups; export it again")


def _check_type(kind: h5py.h5t.TypeID, name: str) -> None:
    """Refuse attributes that are lists of any length, but of references: over broken ones h5py ends the process."""
    if isinstance(kind, h5py.h5t.TypeVlenID) and not isinstance(kind.get_super(), h5py.h5t.TypeReferenceID):
        raise Refused(f"{name} is of a type that nothing writes; copy or make it again")


def _claimed(item: h5py.Dataset, size: int) -> int:
    """Bytes that reading a dataset takes: at least a chunk; of texts of any length, all that they hold."""
    total: int = max(item.size or 0, math.prod(item.chunks or ())) * item.dtype.itemsize
    text = h5py.check_string_dtype(item.dtype)
    if text and text.length is None and item.ndim and total <= FREE_BYTES + PER_BYTE * size:
        step = max(8, FREE_BYTES // size)
        for at in range(0, len(item), step):
            total += sum(map(len, item[at : at + step].ravel()))
    return total
