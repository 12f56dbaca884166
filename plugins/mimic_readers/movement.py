"""Keypoints from a dataset in memory, as the package movement makes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mimic_core import DataError, Keypoints, did_you_mean

if TYPE_CHECKING:
    import xarray


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
    source = str(dataset.attrs.get("source_file") or "")
    return Keypoints.from_array(
        positions,
        [str(n) for n in dataset[points].values],
        rate_hz,
        unit=unit,
        confidence=confidence,
        clip_names=[Path(source).stem or individual],
    )


def _one(wanted: str | None, known: list[str]) -> str:
    """Return the animal that is wanted, or the only one."""
    if wanted is not None and wanted not in known:
        raise DataError(f"movement dataset: individual {wanted!r} is not there{did_you_mean(wanted, known)}")
    if wanted is None and len(known) != 1:
        raise DataError(f"movement dataset: there are several ({', '.join(known)}); give individual")
    return known[0] if wanted is None else wanted
