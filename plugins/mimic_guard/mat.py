"""MATLAB files of strangers (level 5): what would make scipy read outside of what there is.

Layout: MathWorks, MAT-File Format. An element is a tag (type, bytes) and its data; numbers of up to four bytes stand in
the tag itself.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator

from mimic_guard import Refused
from mimic_guard.hdf5 import FREE_BYTES, PER_BYTE

_HEADER, _COMPRESSED, _MATRIX = 128, 15, 14
_NUMBERS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Types of numbers → bytes of one."""
_TEXT = {16, 17, 18}
_LEVEL = 0x0100
"""of MATLAB 5 to 7.2; 7.3 is HDF5"""
_KNOWN = {*_NUMBERS, *_TEXT, _MATRIX}
_NUMERIC_CLASSES, _DEEPEST = range(6, 16), 20


def check_mat(data: bytes) -> None:
    """Look at every array of a file before it is read. Files of other levels are let pass.

    Raises:
        Refused: an element ends beyond the file, is of no known type, or unpacks to more than it can hold.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None or len(data) < _HEADER or struct.unpack_from(f"{order}H", data, 124) != (_LEVEL,):
        return
    for kind, body in _elements(data[_HEADER:], order, padded=False):
        if kind == _COMPRESSED:
            most = FREE_BYTES + PER_BYTE * len(body)
            try:
                body = zlib.decompressobj().decompress(body, most)
            except zlib.error as e:
                raise Refused(f"is damaged ({e}); save it again") from e
            if len(body) >= most:
                raise Refused("unpacks to more than a file of its size can hold; save it again")
            for inner, part in _elements(body, order):
                _check_matrix(inner, part, order)
        else:
            _check_matrix(kind, body, order)


def _elements(data: bytes, order: str, padded: bool = True) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:  # in the tag itself
            yield kind & 0xFFFF, data[at + 4 : at + 4 + min(kind >> 16, 4)]
            at += 8
            continue
        if at + 8 + size > len(data):
            raise Refused("ends before its last array does; copy or save it again")
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size + (-size % 8 if padded else 0)


def _check_matrix(kind: int, body: bytes, order: str, depth: int = 0) -> None:
    if kind != _MATRIX or not body:  # an empty cell has no parts
        return
    parts = list(_elements(body, order))
    if not parts or parts[0][0] != 6 or len(parts[0][1]) < 4 or depth > _DEEPEST:
        raise Refused("holds an array without flags, or cells too deep in one another; save it again")
    wrong = [k for k, b in parts[1:] if k not in _KNOWN or len(b) % _NUMBERS.get(k, 1)]
    if wrong or len(parts) < 3 or parts[1][0] != 5 or parts[2][0] not in (1, *_TEXT):
        raise Refused(f"holds an array whose parts are of unknown types{wrong[:1] or ''}; save it again")
    shape = struct.unpack(f"{order}{len(parts[1][1]) // 4}i", parts[1][1])
    count = math.prod(shape)
    numeric = struct.unpack_from(f"{order}I", parts[0][1])[0] & 0xFF in _NUMERIC_CLASSES
    if min(shape, default=0) < 0 or (numeric and any(len(b) // _NUMBERS.get(k, 1) != count for k, b in parts[3:])):
        raise Refused(f"holds an array of shape {shape} with another number of values; save it again")
    for inner, part in parts[3:]:
        _check_matrix(inner, part, order, depth + 1)
