"""From the unit that positions were recorded in to metres."""

from __future__ import annotations

import attrs
import numpy as np

from mimic_core import Body, BodyModel, ConfigError, DataError, Keypoints, did_you_mean
from mimic_core.records import METRES_PER

LARGEST_FACTOR = 5.0
"""An animal is taken to be at most this many times larger or smaller than the body."""

_WORDS = {"m": "metres", "cm": "centimetres", "mm": "millimetres", "um": "micrometres"}
_MOST_FRAMES = 2000


def in_metres(keypoints: Keypoints, unit: str | None, body: Body) -> tuple[Keypoints, str]:
    """Return the keypoints in metres, and a sentence that says which unit they were in and how that is known.

    The user's word counts before the file's. Where neither tells, the unit is the one that makes the animal's size
    most like the body's: the median over pairs of keypoints of their distance, over that in the body's reference pose.

    Args:
        keypoints: with exactly the body's keypoints (see `mimic_core.registration.method.match_keypoints`).
        unit: ``m``, ``cm``, ``mm`` or ``um``; None or ``auto`` leaves it to the file.
        body: gives the size to compare with.

    Raises:
        ConfigError: there is no such unit.
        DataError: the unit is not known, and none makes the animal's size plausible.
    """
    said = None if unit in (None, "auto") else unit
    if said is not None and said not in METRES_PER:
        raise ConfigError(f"unit {said!r}: not known{did_you_mean(said, METRES_PER)}")
    if said:
        return _converted(keypoints, said), f"{_WORDS[said]}, as said"
    if keypoints.unit:
        return _converted(keypoints, keypoints.unit), f"{_WORDS[keypoints.unit]}, as the file says"
    inferred, why = _inferred(keypoints, body)
    return _converted(keypoints, inferred), f"{_WORDS[inferred]}, inferred: {why}"


def _converted(keypoints: Keypoints, unit: str) -> Keypoints:
    return attrs.evolve(keypoints, positions=keypoints.positions * METRES_PER[unit], unit="m")


def _inferred(keypoints: Keypoints, body: Body) -> tuple[str, str]:
    where = keypoints.files[0] if keypoints.files else keypoints.clip_names[0]
    size = relative_size(keypoints, body)
    mend = "say which with --unit m, cm, mm or um"
    if size is None:
        raise DataError(
            f"{where}: does not tell its unit, and no two keypoints are tracked in the same frame to infer it; {mend}"
        )
    times = {name: size * metres for name, metres in METRES_PER.items()}
    best, other, *_ = sorted(times, key=lambda name: abs(np.log(times[name])))
    if abs(np.log(times[best])) > np.log(LARGEST_FACTOR):
        each = ", ".join(f"{_WORDS[name]} {_short(times[name])}" for name in METRES_PER)
        raise DataError(
            f"{where}: does not tell its unit, and with none is the animal of about the size of body {body.name}: "
            f"times its size in {each}; {mend}, or choose another body"
        )
    return best, (
        f"the animal would be {_short(times[best])} times the body's size; {_WORDS[other]} would make it "
        f"{_short(times[other])} times"
    )


def _short(number: float) -> str:
    """Two digits, without an exponent up to a million."""
    return f"{float(f'{number:.2g}'):g}"


def relative_size(keypoints: Keypoints, body: Body) -> float | None:
    """Return the size of the animal over that of the body, if positions were in metres.

    The median over pairs of keypoints of their median distance over frames, over their distance in the body's
    reference pose. None where no two keypoints are ever tracked together.
    """
    import mujoco

    model = BodyModel.compile(body)
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    sites = data.site_xpos[model.keypoint_site_ids] * body.scale
    first, second = np.triu_indices(len(sites), k=1)
    expected = np.linalg.norm(sites[first] - sites[second], axis=-1)
    frames = np.concatenate(keypoints.clips())
    frames = frames[:: -(-len(frames) // _MOST_FRAMES)]
    found = np.linalg.norm(frames[:, first] - frames[:, second], axis=-1)
    usable = np.isfinite(found).any(0) & (expected > 1e-3 * expected.max())
    if not usable.any():
        return None
    ratio = float(np.median(np.nanmedian(found[:, usable], axis=0) / expected[usable]))
    return ratio or None
