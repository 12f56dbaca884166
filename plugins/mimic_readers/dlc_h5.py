"""DeepLabCut's 3D .h5: a table of pandas under ``df_with_missing``, read without pytables, which would unpickle."""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from mimic_core import DataError, Keypoints
from mimic_core.records import open_hdf5
from mimic_readers.dlc_csv import of_frame
from mimic_readers.settings import DlcCsv

KEY = "df_with_missing"


def accepts(path: Path) -> bool:
    """True if the file has DeepLabCut's table.

    Raises:
        DataError: it is no readable HDF5 file.
    """
    with open_hdf5(path) as f:
        return KEY in f


def read(path: Path, config: DlcCsv) -> Keypoints:
    """Read one animal as one clip, as from the csv beside it.

    Raises:
        DataError: the table is of another layout, and whatever `dlc_csv.of_frame` finds.
    """
    with open_hdf5(path) as f:
        group = f[KEY]
        if isinstance(group.get("table"), h5py.Dataset):
            return of_frame(_of_table(group["table"], path), path, config)
        if "block0_values" not in group or "axis0_label0" not in group:
            raise DataError(f"{path}: its table is of no format that pandas writes; give the .csv that is beside it")
        columns, items = _columns(group, "axis0"), _columns(group, "block0_items")
        values, index = np.asarray(group["block0_values"], float), np.asarray(group["axis1"])
    if values.shape != (len(index), len(items)):
        raise DataError(f"{path}: its table has shape {values.shape}, not {(len(index), len(items))}; export it again")
    if columns.duplicated().any():
        raise DataError(f"{path}: two columns are called {' '.join(columns[columns.duplicated()][0])}; rename one")
    return of_frame(pd.DataFrame(values, index=index, columns=items), path, config)


def _columns(group: h5py.Group, axis: str) -> pd.MultiIndex:
    """The labels of an axis with several levels."""
    levels, codes, names = [], [], []
    for i in range(int(group.attrs[f"{axis}_nlevels"])):
        level = group[f"{axis}_level{i}"]
        levels.append([v.decode() if isinstance(v, bytes) else str(v) for v in level[()]])
        codes.append(group[f"{axis}_label{i}"][()])
        name = level.attrs["name"]
        names.append((name.decode() if isinstance(name, bytes) else str(name)).lower())
    return pd.MultiIndex(levels=levels, codes=codes, names=names)


def _of_table(table: h5py.Dataset, path: Path) -> pd.DataFrame:
    """The table of pandas' format ``table``, whose columns lie in blocks of one type."""
    found, columns = [], []
    for name in table.dtype.names or ():
        if name.startswith("values_block_"):
            found.append(np.asarray(table[name], float).reshape(len(table), -1))
            columns += texts(table.attrs[f"{name}_kind"], path)
    levels = {3: ["scorer", "bodyparts", "coords"], 4: ["scorer", "individuals", "bodyparts", "coords"]}
    widths = {len(c) if isinstance(c, tuple) else 0 for c in columns}
    if len(widths) != 1 or not widths <= set(levels) or sum(f.shape[1] for f in found) != len(columns):
        raise DataError(f"{path}: its table is not one of bodyparts; give the .csv that is beside it")
    if len(set(columns)) < len(columns):
        twice = next(c for i, c in enumerate(columns) if c in columns[:i])
        raise DataError(f"{path}: two columns are called {' '.join(twice)}; rename one")
    named = pd.MultiIndex.from_tuples(columns, names=levels[widths.pop()])
    return pd.DataFrame(np.concatenate(found, 1), index=np.asarray(table["index"]), columns=named)


def texts(pickled: Any, path: Path) -> list[Any]:
    """Return a pickled list of texts and tuples of texts, without unpickling, which could run a file's own code.

    Raises:
        DataError: it holds anything else.
    """
    data = bytes(pickled)
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    try:
        for code, arg, _ in pickletools.genops(data):
            if code.name == "MARK":
                marks.append(len(stack))
            elif code.name in ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE"):
                stack.append(arg)
            elif code.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
                memo[len(memo) if arg is None else int(arg)] = stack[-1]
            elif code.name in ("GET", "BINGET", "LONG_BINGET"):
                stack.append(memo[int(arg)])
            elif code.name in ("TUPLE", "LIST", "APPENDS"):
                at = marks.pop()
                taken, stack = stack[at:], stack[:at]
                if code.name == "APPENDS":
                    stack[-1].extend(taken)
                else:
                    stack.append(tuple(taken) if code.name == "TUPLE" else taken)
            elif code.name in ("TUPLE1", "TUPLE2", "TUPLE3"):
                n = int(code.name[-1])
                stack[-n:] = [tuple(stack[-n:])]
            elif code.name == "EMPTY_LIST":
                stack.append([])
            elif code.name == "APPEND":
                last = stack.pop()
                stack[-1].append(last)
            elif code.name not in ("PROTO", "FRAME", "STOP"):
                raise ValueError(code.name)
        (found,) = stack
        return list(found)
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as e:
        raise DataError(f"{path}: the names of its columns cannot be read; give the .csv that is beside it") from e
