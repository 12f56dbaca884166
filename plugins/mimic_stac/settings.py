"""Settings of the registration."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

_SIGNED_AXES = re.compile(r"[+-]?[xyz]" * 3)


def _axes(instance: object, attribute: attrs.Attribute, v: str) -> None:
    if v in ("auto", "model"):
        return
    if not _SIGNED_AXES.fullmatch(v) or len(set(v) & set("xyz")) != 3:
        raise ValueError(f"must be auto, model, or three recorded axes with signs such as zxy or -yxz, got {v!r}")
    import numpy as np

    if np.linalg.det(axes_matrix(v)) < 0:
        raise ValueError(f"{v!r} is a mirror image, not a rotation; flip one sign")


def _not_negative(instance: object, attribute: attrs.Attribute, v: Mapping[str, float]) -> None:
    for name, weight in v.items():
        if not weight >= 0:
            raise ValueError(f"{name} must be >= 0, got {weight}")


def _direction(instance: object, attribute: attrs.Attribute, v: tuple[float, float, float]) -> None:
    if not sum(x * x for x in v) > 0:
        raise ValueError(f"must point somewhere, got {v}")


def axes_matrix(axes: str):
    """Return the (3, 3) rotation whose rows pick the recorded axis that is the model's x, y and z."""
    import numpy as np

    out = np.zeros((3, 3))
    for row, (sign, letter) in enumerate(re.findall(r"([+-]?)([xyz])", axes)):
        out[row, "xyz".index(letter)] = -1.0 if sign == "-" else 1.0
    return out


@attrs.frozen
class Settings:
    """Settings of the `stac` registration. Weights are given as distances: equal distances cost the same.

    Attributes:
        alignment: how recorded coordinates are carried into the model's: ``none`` (they are the model's
            already), ``recording`` (one map for all clips), ``clip`` (each clip also has its own small
            shift) or ``clip_rigid`` (its own small shift and turn). A body with a free root needs none.
        axes: orientation of the recording: ``auto`` finds it, ``model`` says it is the model's, and e.g.
            ``zxy`` says that recorded z is the model's x, recorded x its y, recorded y its z.
        scale: ``global`` estimates the animal's size over the model's; ``segments`` also the size of each
            segment on its own (the scaled body is what is registered and trained); ``fixed`` keeps the body's.
        segment_spread: how far a segment is expected to be from the common scale, as a share of it.
        tracking_mm: missing a keypoint by this much in every frame costs as much as moving its offset by
            the body's ``keypoint_spread``, scaling a segment by ``segment_spread`` or shifting a clip by
            ``clip_shift_mm``. A smaller value lets all of them go further. Where the recording's own noise is
            larger, that is used instead.
        clip_shift_mm: how far a clip is expected to lie from the recording's others.
        cutoff_hz: movement of this frequency is halved by the smoothing, slower movement hardly changed.
        weights: keypoint → how much it counts, 1 for those not named. With 0 it does not pull on the fit; its errors
            stay in the tables.
        outlier_ratio: a keypoint this many times further from the body than it usually is counts half, and less
            the further it is; 0 believes every position alike, jumps of the tracking too.
        ground: how a free animal is put on the floor of its model, if that has one: ``recording`` (all clips by one
            height), ``clip`` (each clip by its own) or ``none``.
        ground_percentile: the floor is where the lowest foot is in this share of the frames, or below it.
        ground_height_mm: height of the ground in the recording along its normal, mm of the animal, where you know it;
            nothing is estimated then.
        ground_normal: direction away from the ground in the recording's axes, e.g. ``0,1,0`` where y is up; by default
            that of the model's floor.
        ground_tilt: turn the recording so that the plane through the lowest foot's places is level, too. What the
            tilt is found to be is told in any case.
        max_gap_ms: longest run of missing frames of a keypoint that is bridged.
        tolerance: stop when the cost falls by less than this share of itself.
        max_iterations: largest number of steps of poses and calibration together, those of the first rough fit
            included.
    """

    alignment: str = attrs.field(
        default="clip", validator=attrs.validators.in_(("none", "recording", "clip", "clip_rigid"))
    )
    axes: str = attrs.field(default="auto", validator=_axes)
    scale: str = attrs.field(default="global", validator=attrs.validators.in_(("global", "segments", "fixed")))
    segment_spread: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    tracking_mm: float = attrs.field(default=0.2, validator=attrs.validators.gt(0))
    clip_shift_mm: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    cutoff_hz: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    weights: Mapping[str, float] = attrs.field(factory=dict, validator=_not_negative)
    outlier_ratio: float = attrs.field(default=20.0, validator=attrs.validators.ge(0))
    ground: str = attrs.field(default="recording", validator=attrs.validators.in_(("recording", "clip", "none")))
    ground_percentile: float = attrs.field(default=5.0, validator=[attrs.validators.ge(0), attrs.validators.le(100)])
    ground_height_mm: float | None = None
    ground_normal: tuple[float, float, float] | None = attrs.field(
        default=None, validator=attrs.validators.optional(_direction)
    )
    ground_tilt: bool = False
    max_gap_ms: float = attrs.field(default=50.0, validator=attrs.validators.ge(0))
    tolerance: float = attrs.field(default=1e-4, validator=attrs.validators.gt(0))
    max_iterations: int = attrs.field(default=100, validator=attrs.validators.ge(1))
