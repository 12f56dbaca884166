"""DeepLabCut's 3D .h5: a table of pandas (fixed format) under ``df_with_missing``, read without pytables."""

from __future__ import annotations

from pathlib import Path

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
        if "block0_values" not in group or "axis0_label0" not in group:
            raise DataError(f"{path}: its table is of pandas' other format; give the .csv that is beside it")
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
