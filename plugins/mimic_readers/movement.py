"""Keypoints from datasets of the package movement: in memory, in its netCDF files, or as its loaders read others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core import DataError, Keypoints, did_you_mean
from mimic_readers.common import optional, placed
from mimic_readers.settings import Movement

if TYPE_CHECKING:
    import xarray


_UNEVEN = 0.25  # of a frame


def read(path: Path, config: Movement) -> Keypoints:
    """Read one animal as one clip: of a netCDF file that movement saved, or of what its loader for ``software`` reads.

    Raises:
        DataError: movement is not installed, cannot read the file, or its dataset lacks something.
    """
    with optional("movement", path):
        import xarray
    try:
        if config.software:
            with optional("movement", path):
                from movement.io import load_poses

            dataset = load_poses.from_file(path, source_software=config.software, fps=config.rate_hz)
        else:
            with xarray.open_dataset(path) as opened:
                dataset = opened.load()
    except DataError:
        raise
    except Exception as e:  # of whatever the file, or a library that reads it, makes its parts raise
        why = " ".join(f"{type(e).__name__}: {e}".split())[:160]
        raise DataError(
            f"{path}: movement cannot read it; pip install 'mimic-neuro[movement]', or check software ({why})"
        ) from e
    if "position" not in dataset:
        raise DataError(f"{path}: has no variable position, which poses that movement saved have; save them again")
    try:
        found = from_movement(dataset, config.individual or None, config.rate_hz)
    except DataError as e:
        raise DataError(f"{path}: {e}") from e
    return attrs.evolve(found, clip_names=[path.stem], files=[str(path)])


def from_movement(
    dataset: xarray.Dataset, individual: str | None = None, rate_hz: float | None = None, unit: str = ""
) -> Keypoints:
    """Take one animal of a poses dataset of the package ``movement`` as one clip.

    Args:
        dataset: with ``position`` over time, space (x, y, z), keypoints and individuals, and, if it has one,
            ``confidence``.
        individual: which animal; needed where there are several.
        rate_hz: camera rate; default: the dataset's ``fps``.
        unit: as in `mimic_core.Keypoints`; the dataset does not hold it.

    Raises:
        DataError: positions are not 3D, the rate is missing, or it is not clear which animal is meant.
    """
    # movement renamed its dimensions from plural to singular
    animals, points = (d if d in dataset.dims else d + "s" for d in ("individual", "keypoint"))
    space = [str(s) for s in dataset["space"].values]
    if sorted(space) != ["x", "y", "z"]:
        raise DataError(f"movement dataset: space is {', '.join(space)}, expected x, y, z; triangulate it first")
    if rate_hz is None:
        rate_hz = dataset.attrs.get("fps")
    if not rate_hz:
        raise DataError("movement dataset: has no attribute fps; give rate_hz")
    known = [str(i) for i in dataset[animals].values]
    individual = _one(individual, known)
    one = dataset.isel({animals: known.index(individual)})
    positions = one["position"].sel(space=["x", "y", "z"]).transpose("time", points, "space").values
    confidence = one["confidence"].transpose("time", points).values if "confidence" in one else None
    if confidence is not None and not np.isfinite(confidence).any():
        confidence = None  # movement fills it with NaN where the tracker gave none
    both = positions if confidence is None else np.concatenate([positions, confidence[..., None]], -1)
    both = placed(both, _frames(dataset, rate_hz), Path("movement dataset"), "time", first_row=1)
    positions, confidence = both[..., :3], None if confidence is None else both[..., 3]
    source = str(dataset.attrs.get("source_file") or "")
    return Keypoints.from_array(
        positions,
        [str(n) for n in dataset[points].values],
        rate_hz,
        unit=unit,
        confidence=confidence,
        clip_names=[Path(source).stem or individual],
    )


def _frames(dataset: xarray.Dataset, rate_hz: float) -> np.ndarray:
    """(frame,) numbers of the frames; some are missing where a part of the dataset was taken."""
    if "time" not in dataset.coords:
        return np.arange(dataset.sizes["time"])
    time = np.asarray(dataset["time"].values, float)
    if dataset.attrs.get("time_unit") == "frames":
        return time
    number = (time - time[0]) * float(dataset.attrs.get("fps") or rate_hz)
    if np.abs(number - np.round(number)).max() > _UNEVEN:
        raise DataError("movement dataset: times are not those of frames at its fps; correct fps")
    return np.round(number)


def _one(wanted: str | None, known: list[str]) -> str:
    """Return the animal that is wanted, or the only one."""
    if wanted is not None and wanted not in known:
        raise DataError(f"movement dataset: individual {wanted!r} is not there{did_you_mean(wanted, known)}")
    if wanted is None and len(known) != 1:
        raise DataError(f"movement dataset: there are several ({', '.join(known)}); give individual")
    return known[0] if wanted is None else wanted
