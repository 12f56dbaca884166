"""MATLAB files with positions (frame, xyz, keypoint), as DANNCE writes them, or labels of Label3D."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from mimic_core import DataError, Keypoints, did_you_mean
from mimic_readers.common import SAY, distinct, pick_track, placed, places, stated_names, stated_rate
from mimic_readers.mat_files import joint_names, variables
from mimic_readers.settings import Mat

_LABELS, _LABELLED = "data_3D", "framesToLabel"
_TRUST, _SAMPLES = "p_max", "sampleID"


def read(path: Path, config: Mat) -> Keypoints:
    """Read one animal as one clip. Files of several animals have them on the second of four axes.

    Of DANNCE's files ``p_max`` (frame, [animal,] keypoint) is the confidence, and rows lie where ``sampleID`` says;
    of Label3D's, ``data_3D`` (frame, 3 x keypoints) holds the labels of the frames ``framesToLabel``.

    Raises:
        DataError: rate or names are not given, the variable is missing or of another shape, or it is not clear
            which of several animals is meant.
    """
    wanted = (config.variable, _TRUST, _SAMPLES, *((_LABELS, _LABELLED) if config.variable == "pred" else ()))
    found = variables(path, wanted)
    key = config.variable if config.variable in found else _LABELS
    if key not in found:
        known = list(variables(path, None))
        raise DataError(
            f"{path}: has no variable {config.variable!r}{did_you_mean(config.variable, known)}; choose one with "
            f"{SAY}variable=NAME"
        )
    given = found[key]
    if given.ndim == 2 and given.shape[1] % 3 == 0:  # x, y, z of the first keypoint, then of the next
        cells = given.reshape(len(given), -1, 3).swapaxes(1, 2)[:, None]
    else:
        cells = _in_order(given, key, config.axes, path)
    if cells.ndim != 4 or cells.shape[2] != 3 or cells.dtype.kind not in "fiu" or not len(cells):
        raise DataError(
            f"{path}: {key} is {given.dtype} of shape {given.shape}, expected numbers (frames, 3, keypoints); permute "
            "its axes"
        )
    inside = () if config.names else joint_names(path)
    names = stated_names(config.names or tuple(inside), path, cells.shape[3])
    rate_hz = stated_rate(config.rate_hz, path)
    animal = pick_track(cells.shape[1], config.track, path)
    clip = cells[:, animal].astype(float).swapaxes(1, 2)
    trust = found.get(_TRUST)
    if trust is not None:
        clip = np.concatenate([clip, _confidence(trust, cells.shape, animal, path)[..., None]], 2)
    clip, remarks = _at_places(clip, found, path)
    read = Keypoints.from_clips(
        [clip[..., :3]],
        names=distinct(names, path, "names"),
        rate_hz=rate_hz,
        clip_names=[path.stem],
        files=[str(path)],
        confidence=None if trust is None else [clip[..., 3]],
        unit="",
    )
    return attrs.evolve(read, remarks=remarks)


def _in_order(given: np.ndarray, key: str, axes: str, path: Path) -> np.ndarray:
    """(frame, animal, xyz, keypoint), from the shape or from what the user says of the axes."""
    found = given[:, None] if given.ndim == 3 else given
    if found.ndim != 4 or found.shape[3] != 3:
        return found
    if found.shape[2] == 3 and not axes:
        raise DataError(
            f"{path}: {key} of shape {given.shape} does not tell which axis is xyz and which the three "
            f"keypoints; give {SAY}axes='xyz, keypoint' (as DANNCE writes) or 'keypoint, xyz'"
        )
    return found.swapaxes(2, 3) if found.shape[2] != 3 or axes == "keypoint, xyz" else found


def _confidence(trust: np.ndarray, shape: tuple[int, ...], animal: int, path: Path) -> np.ndarray:
    """(frame, keypoint), 0 to 1."""
    wanted = (shape[0], shape[1], shape[3])
    if trust.dtype.kind not in "fiu" or trust.size != np.prod(wanted):
        raise DataError(f"{path}: {_TRUST} has shape {trust.shape}, not {wanted}; export it again")
    return np.clip(trust.astype(float).reshape(wanted)[:, animal], 0, 1)


def _at_places(clip: np.ndarray, found: dict[str, np.ndarray], path: Path) -> tuple[np.ndarray, list[str]]:
    """Rows where the file's numbers say, and remarks."""
    if _LABELS in found and _LABELLED in found:
        number = found[_LABELLED].astype(float).ravel()
        if len(number) == len(clip):
            return placed(clip, number, path, _LABELLED, first_row=1), []
    if _SAMPLES not in found:
        return clip, []
    number = found[_SAMPLES].astype(float).ravel()
    if len(number) != len(clip):
        raise DataError(f"{path}: {_SAMPLES} has {len(number)} numbers for {len(clip)} frames; export it again")
    step = np.diff(number)
    rising = np.isfinite(number).all() and len(step) and (step > 0).all()
    place = places(number) if rising else None
    if place is None:
        raise DataError(f"{path}: {_SAMPLES} does not rise by one number a frame; sort the frames, or delete it")
    per_frame = float(np.median(step))
    said = [f"{_SAMPLES} rises by {per_frame:g} from frame to frame"] if per_frame != 1 else []
    return placed(clip, place, path, _SAMPLES, first_row=1), said
