"""MATLAB files with positions (frame, xyz, keypoint), as DANNCE writes them to ``pred``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mimic_core import DataError, Keypoints, did_you_mean
from mimic_core.records import open_hdf5
from mimic_readers.common import SAY, pick_track, stated_names, stated_rate
from mimic_readers.settings import Mat


def read(path: Path, config: Mat) -> Keypoints:
    """Read one animal as one clip. Files of several animals have them on the second of four axes.

    Raises:
        DataError: rate or names are not given, the variable is missing or of another shape, or it is not clear
            which of several animals is meant.
    """
    given = _variable(path, config.variable)
    found = given[:, None] if given.ndim == 3 else given
    if found.ndim == 4 and found.shape[3] == 3:
        if found.shape[2] == 3 and not config.axes:
            raise DataError(
                f"{path}: {config.variable} of shape {given.shape} does not tell which axis is xyz and which the three "
                f"keypoints; give {SAY}axes='xyz, keypoint' (as DANNCE writes) or 'keypoint, xyz'"
            )
        if found.shape[2] != 3 or config.axes == "keypoint, xyz":
            found = found.swapaxes(2, 3)
    if found.ndim != 4 or found.shape[2] != 3 or found.dtype.kind not in "fiu" or not len(found):
        raise DataError(
            f"{path}: {config.variable} is {given.dtype} of shape {given.shape}, expected numbers "
            "(frames, 3, keypoints); permute its axes"
        )
    names = stated_names(config.names, path, found.shape[3])
    rate_hz = stated_rate(config.rate_hz, path)
    animal = pick_track(found.shape[1], config.track, path)
    clip = found[:, animal].astype(float).swapaxes(1, 2)
    return Keypoints.from_clips(
        [clip], names=names, rate_hz=rate_hz, clip_names=[path.stem], files=[str(path)], unit=""
    )


def _variable(path: Path, name: str) -> np.ndarray:
    import scipy.io

    try:
        known = [n for n, *_ in scipy.io.whosmat(path)]
        if name not in known:
            raise _missing(path, name, known)
        return scipy.io.loadmat(path, variable_names=[name])[name]
    except NotImplementedError:
        return _variable_of_hdf5(path, name)
    except (ValueError, TypeError, OSError, scipy.io.matlab.MatReadError) as e:
        raise DataError(f"{path}: not a readable MATLAB file; save it again ({' '.join(str(e).split())[:80]})") from e


def _variable_of_hdf5(path: Path, name: str) -> np.ndarray:
    """MATLAB 7.3 keeps arrays in HDF5, with the axes in reverse order."""
    import h5py

    with open_hdf5(path) as f:
        if not isinstance(f.get(name), h5py.Dataset):
            raise _missing(path, name, [n for n in f if not n.startswith("#")])
        return f[name][()].T


def _missing(path: Path, name: str, known: list[str]) -> DataError:
    return DataError(f"{path}: has no variable {name!r}{did_you_mean(name, known)}; choose one with {SAY}variable=NAME")
