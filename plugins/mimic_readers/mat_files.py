"""Arrays and names out of MATLAB files of any version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mimic_core import DataError, blaming
from mimic_core.records import open_hdf5
from mimic_guard.mat import check_mat

_NAMES, _SKELETON = "joint_names", "skeleton"


def variables(path: Path, names: Sequence[str] | None) -> dict[str, np.ndarray]:
    """Return those of the variables that the file has, in MATLAB's order of axes; with None, all, unread.

    Raises:
        DataError: it is no MATLAB file.
    """
    import scipy.io

    def old() -> dict[str, np.ndarray]:
        known = [n for n, *_ in scipy.io.whosmat(path)]
        if names is None:
            return dict.fromkeys(known, np.empty(0))
        wanted = [n for n in names if n in known]
        return {n: np.asarray(v) for n, v in scipy.io.loadmat(path, variable_names=wanted).items() if n in wanted}

    def new() -> dict[str, np.ndarray]:
        with open_hdf5(path) as f:
            known = [n for n in f if not n.startswith("#")]
            if names is None:
                return dict.fromkeys(known, np.empty(0))
            return {n: f[n][()].T for n in names if n in known and isinstance(f[n], h5py.Dataset)}

    return _either(path, old, new)


def joint_names(path: Path) -> list[str]:
    """Return the keypoints of Label3D's skeleton (``joint_names``, by itself or in ``skeleton``), empty for none.

    Raises:
        DataError: it is no MATLAB file.
    """
    import scipy.io

    def old() -> list[str]:
        known = [n for n, *_ in scipy.io.whosmat(path)]
        wanted = [n for n in (_NAMES, _SKELETON) if n in known]
        found = scipy.io.loadmat(path, variable_names=wanted, simplify_cells=True) if wanted else {}
        skeleton = found.get(_SKELETON)
        given = found.get(_NAMES, skeleton.get(_NAMES) if isinstance(skeleton, dict) else None)
        return [] if given is None else [str(n).strip() for n in np.ravel(given)]

    def new() -> list[str]:
        with open_hdf5(path) as f:
            cells = f.get(_NAMES, f.get(f"{_SKELETON}/{_NAMES}"))
            if not isinstance(cells, h5py.Dataset) or h5py.check_ref_dtype(cells.dtype) is None:
                return []
            return ["".join(map(chr, np.ravel(f[cell][()]))).strip() for cell in np.ravel(cells[()])]

    return _either(path, old, new)


def _either(path: Path, old: Callable[[], Any], new: Callable[[], Any]) -> Any:
    """What a file of MATLAB's own format holds, or of MATLAB 7.3, which is HDF5 with the axes in reverse order."""
    from scipy.io.matlab import MatReadError

    with blaming("not a readable MATLAB file; save it again", path):
        check_mat(path.read_bytes())
    try:
        return old()
    except NotImplementedError:
        return new()
    except (ValueError, TypeError, OSError, MatReadError, IndexError, KeyError) as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{path}: not a readable MATLAB file; save it again ({why})") from e
