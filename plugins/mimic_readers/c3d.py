"""C3D files of motion capture systems, read by ezc3d: labelled points with their unit and rate."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import DataError, Keypoints
from mimic_readers.common import distinct, known_rate, labelled, optional, unit_of
from mimic_readers.settings import C3d

_MAGIC, _MAGIC_AT = 0x50, 1
_NOT_POSITIONS = ("ANGLES", "FORCES", "MOMENTS", "POWERS", "ENERGIES", "REACTIONS", "SCALARS")
"""Parameters of the group POINT that list labels of what else is kept among the points."""


def read(path: Path, config: C3d) -> Keypoints:
    """Read one clip. Points that the system did not see (residual −1) are missing.

    Points without a label (empty, or ``*60``), and what is no position (angles, forces), are left out.

    Raises:
        DataError: ezc3d is not installed, the file is damaged, has no points, or its unit or rate is none.
    """
    with optional("c3d", path):
        import ezc3d
    with path.open("rb") as f:
        start = f.read(512)
    if len(start) < 512 or start[_MAGIC_AT] != _MAGIC:
        raise DataError(f"{path}: is no C3D file; export it again")
    try:
        found = ezc3d.c3d(str(path))
        point, points = found["parameters"]["POINT"], np.asarray(found["data"]["points"][:3], float)
        residual = np.asarray(found["data"]["meta_points"]["residuals"], float)[0]
    except Exception as e:  # ezc3d passes on whatever a damaged file makes its parts raise
        raise DataError(f"{path}: ezc3d cannot read it; export it again ({' '.join(str(e).split())[:80]})") from e
    names = [n.strip() for n in _continued(point, "LABELS")]
    if not points.size or len(names) < points.shape[1]:
        raise DataError(f"{path}: has {points.shape[1]} points and {len(names)} labels; export it with labelled points")
    positions = np.where(residual[..., None] < 0, np.nan, points.transpose(1, 2, 0)).swapaxes(0, 1)
    keep, named, remarks = labelled(names[: points.shape[1]])
    other = {n.strip().rpartition(":")[2] for key in _NOT_POSITIONS for n in _continued(point, key)}
    places = [(i, n) for i, n in zip(keep, named, strict=True) if n.rpartition(":")[2] not in other]
    if len(places) < len(keep):
        remarks = [*remarks, f"{len(keep) - len(places)} points that are no positions (angles, forces) are left out"]
    rate_hz, differs = known_rate(config.rate_hz, float(np.ravel(_value(point, "RATE", [0.0]))[0]) or None, path)
    read = Keypoints.from_clips(
        [positions[:, [i for i, _ in places]]],
        names=distinct([n for _, n in places], path, "labels"),
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        unit=unit_of(next(iter(_value(point, "UNITS", [])), "")),
    )
    return attrs.evolve(read, remarks=[*remarks, *differs])


def _value(group: Mapping[str, Any], key: str, default: Any) -> Any:
    return group[key]["value"] if key in group else default


def _continued(group: Mapping[str, Any], key: str) -> list[str]:
    """A list of texts that goes on in KEY2, KEY3 and so on, as one parameter holds 255 at most."""
    out = list(_value(group, key, []))
    for i in count(2):
        if f"{key}{i}" not in group:
            return out
        out += list(_value(group, f"{key}{i}", []))
    return out
