"""One STAC-MJX file, checked against itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np

from mimic_core import DataError, Keypoints, blaming
from mimic_core.records import open_hdf5
from mimic_guard.text import parse_yaml
from mimic_stac_mjx.settings import Settings

PUBLISHED_HZ = {"mouse_arm": 200.0}
"""Name of the model in STAC-MJX's settings → rate of the recordings that were published with it."""


@attrs.frozen(kw_only=True)
class Fit:
    """The fit in one file; a row is a frame, clip after clip.

    Attributes:
        keypoints: its clips of tracked positions, m.
        qpos: (row, qpos) in the order of ``qpos_names``.
        sites: keypoint in lower case → (row, 3) m, where the fitted skeleton has it.
        scale_factor: the factor by which STAC-MJX scaled the skeleton.
        assumed: what was taken for granted of it, in words.
        scale, segment_scale: the animal's size over the scaled skeleton's, as `mimic_core.Body` has it.
    """

    path: Path
    keypoints: Keypoints
    qpos: np.ndarray
    qpos_names: list[str]
    sites: Mapping[str, np.ndarray]
    scale_factor: float
    scale: float
    segment_scale: Mapping[str, float]
    assumed: str = ""

    @property
    def size(self) -> tuple[float, float, Mapping[str, float]]:
        """All that sets the animal's size."""
        return self.scale_factor, self.scale, self.segment_scale

    def sites_of(self, names: tuple[str, ...]) -> np.ndarray:
        """Return (row, keypoint, 3) m, sites of the keypoints ``names``."""
        return np.stack([self.sites[n.lower()] for n in names], 1)


def read_fit(path: Path, settings: Settings) -> Fit:
    """Read one file.

    Raises:
        DataError: it is no HDF5 file, lacks a dataset, or its datasets do not fit together.
    """
    with open_hdf5(path) as f:
        config = _config(f, path)
        qpos, tracked, sites = (_numbers(f, key, path) for key in ("qpos", "kp_data", "marker_sites"))
        qpos_names, names = (_names(f, key, path) for key in ("names_qpos", "kp_names"))
        added = {key: f[key][()] for key in ("body", "rate_hz", "clip_frames") if key in f}
        clip_names = _names(f, "clip_names", path) if "clip_names" in f else []
    rows = len(qpos)
    _shape(path, "qpos", qpos, (rows, len(qpos_names)))
    _shape(path, "kp_data", tracked, (rows, 3 * len(names)))
    _shape(path, "marker_sites", sites, (rows, len(names), 3))
    if not rows or not np.isfinite(qpos).all() or not np.isfinite(sites).all():
        raise DataError(f"{path}: qpos or marker_sites {'has gaps' if rows else 'has no frames'}; fit it again")
    length = settings.clip_frames or _clip_length(config, rows)
    counts = np.full(rows // length, length)
    if "clip_frames" in added and settings.clip_frames is None:
        counts = np.asarray(added["clip_frames"])
    if len(counts) * length != rows or counts.max() > length:
        raise DataError(
            f"{path}: its {rows} frames are not a whole number of clips of {length}; give --set clip_frames=N"
        )
    if len(clip_names) != len(counts):
        clip_names = [path.stem] if len(counts) == 1 else [f"{path.stem}_{i}" for i in range(len(counts))]
    inside = (np.arange(length) < counts[:, None]).ravel()
    bounds = np.cumsum(counts)[:-1]
    rate_hz, assumed = _rate(settings.rate_hz, added, config, path)
    size = json.loads(added.get("body", "{}"))
    return Fit(
        path=path,
        keypoints=Keypoints.from_clips(
            np.split(tracked.reshape(rows, len(names), 3)[inside], bounds),
            names=names,
            rate_hz=rate_hz,
            clip_names=clip_names,
            files=[str(path)],
        ),
        qpos=qpos[inside],
        qpos_names=qpos_names,
        sites={n.lower(): sites[inside, i] for i, n in enumerate(names)},
        scale_factor=float(config.get("model", {}).get("SCALE_FACTOR", 1.0)),
        scale=size.get("scale", 1.0),
        segment_scale=size.get("segment_scale", {}),
        assumed=assumed,
    )


def _rate(given: float | None, added: Mapping[str, Any], config: Mapping[str, Any], path: Path) -> tuple[float, str]:
    """The rate that was given, is in the file, or is that of the published recordings; and a remark on the latter."""
    if given or "rate_hz" in added:
        return float(given or added["rate_hz"]), ""
    stac = config.get("stac")
    model = stac.get("model") if isinstance(stac, dict) else None
    if not isinstance(model, str) or model not in PUBLISHED_HZ:
        raise DataError(f"{path}: does not hold the camera's rate; give it with --set rate_hz=RATE")
    rate = PUBLISHED_HZ[model]
    return rate, f"the rate is not in the files; taken as {rate:g} Hz, that of the published recordings of {model}"


def _clip_length(config: Mapping[str, Any], rows: int) -> int:
    """STAC-MJX cuts a continuous recording into pieces, fits them, and joins them again."""
    stac = config.get("stac", {})
    return rows if stac.get("continuous") else int(stac.get("n_frames_per_clip", rows))


def _config(f: h5py.File, path: Path) -> dict[str, Any]:
    if "config" not in f:
        return {}
    with blaming("cannot be read", f"{path}: its dataset 'config'"):
        config = parse_yaml(f["config"].asstr()[()])
    return config if isinstance(config, dict) else {}


def _dataset(f: h5py.File, key: str, path: Path) -> np.ndarray:
    if not isinstance(f.get(key), h5py.Dataset):
        raise DataError(f"{path}: has no dataset {key!r}, which a fit of STAC-MJX has; give its _ik.h5 or _fit.h5 file")
    return f[key][()]


def _names(f: h5py.File, key: str, path: Path) -> list[str]:
    return [n.decode() if isinstance(n, bytes) else str(n) for n in np.ravel(_dataset(f, key, path))]


def _numbers(f: h5py.File, key: str, path: Path) -> np.ndarray:
    a = _dataset(f, key, path)
    if a.dtype.kind not in "fiu":
        raise DataError(f"{path}: {key} holds {a.dtype}, expected numbers; fit it again")
    return a.astype(float)


def _shape(path: Path, key: str, a: np.ndarray, expected: tuple[int, ...]) -> None:
    if a.shape != expected:
        raise DataError(f"{path}: {key} has shape {a.shape}, expected {expected} from its names and qpos; fit it again")
