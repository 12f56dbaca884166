"""STAC-MJX files: ``kp_data`` (frames, 3 x keypoints) in metres and ``kp_names``."""

from __future__ import annotations

from pathlib import Path

import attrs
import h5py
import numpy as np
import yaml

from mimic_core import DataError, Keypoints
from mimic_core.records import open_hdf5
from mimic_readers.common import distinct, known_rate
from mimic_readers.settings import StacMjx

PUBLISHED_HZ = {"mouse_arm": 200.0}
"""Name of the model in STAC-MJX's settings → rate of the recordings that were published with it."""


def accepts(path: Path) -> bool:
    """True if the file has the dataset that only this layout has.

    Raises:
        DataError: it is no readable HDF5 file.
    """
    with open_hdf5(path) as f:
        return "kp_data" in f


def read(path: Path, config: StacMjx) -> Keypoints:
    """Read one clip. Columns of ``kp_data`` are x, y, z of the first keypoint, then of the next.

    Raises:
        DataError: a dataset is missing, no number, or of another shape than the names, or the rate is not known.
    """
    with open_hdf5(path) as f:
        found, said = _rate(f)
        data = _dataset(f, "kp_data", path)
        names = [n.decode() if isinstance(n, bytes) else str(n) for n in np.ravel(_dataset(f, "kp_names", path))]
    if data.dtype.kind not in "fiu":
        raise DataError(f"{path}: kp_data holds {data.dtype}, expected numbers; export it again")
    distinct(names, path, "kp_names")
    if data.ndim != 2 or data.shape[1] != 3 * len(names):
        raise DataError(
            f"{path}: kp_data has shape {data.shape}, expected (frames, {3 * len(names)}) for the "
            f"{len(names)} keypoints of kp_names; export both again"
        )
    if not len(data):
        raise DataError(f"{path}: kp_data has no frames; export it again")
    clip = data.astype(float).reshape(len(data), len(names), 3)
    rate_hz, remarks = known_rate(config.rate_hz, found, path, said)
    read = Keypoints.from_clips([clip], names=names, rate_hz=rate_hz, clip_names=[path.stem], files=[str(path)])
    return attrs.evolve(read, remarks=remarks)


def _rate(f: h5py.File) -> tuple[float | None, str]:
    """The rate that mimic wrote, or that of the published recordings of this model, and a remark on the latter."""
    if isinstance(f.get("rate_hz"), h5py.Dataset):
        return float(f["rate_hz"][()]), ""
    try:
        model = yaml.safe_load(f["config"][()])["stac"]["model"] if "config" in f else None
    except (yaml.YAMLError, LookupError, TypeError, AttributeError):
        return None, ""
    if not isinstance(model, str) or model not in PUBLISHED_HZ:
        return None, ""
    rate_hz = PUBLISHED_HZ[model]
    return rate_hz, f"does not hold its rate; taken as {rate_hz:g} Hz, that of the published recordings of {model}"


def _dataset(f: h5py.File, key: str, path: Path) -> np.ndarray:
    if not isinstance(f.get(key), h5py.Dataset):
        raise DataError(f"{path}: has no dataset {key!r}, which a STAC-MJX file must have; export it again")
    return f[key][()]
