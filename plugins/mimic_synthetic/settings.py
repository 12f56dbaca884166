"""Settings of the made-up reaches."""

from __future__ import annotations

import attrs


def _share(instance: object, attribute: attrs.Attribute, v: float) -> None:
    if not 0 <= v <= 1:
        raise ValueError(f"{attribute.name} must lie between 0 and 1, got {v}")


_positive = attrs.validators.gt(0)
_at_least_0 = attrs.validators.ge(0)


@attrs.frozen
class Settings:
    """Settings of the `reaches` generator.

    Attributes:
        clips, frames: how many clips, and frames in each.
        rate_hz: camera rate.
        targets: how many different targets the reaches go to.
        amplitude: distance of a target from rest, as a share of each joint's range (at most).
        onset_s: when the movement begins; each clip begins up to 30 % later or earlier.
        duration_s: how long the movement lasts; each clip is up to 15 % slower or faster.
        rest_share: where in its range each joint rests, 0 lower limit, 1 upper limit.
        variation: SD of rest and target between clips, as a share of each joint's range.
        noise_mm: SD of the tracking error of each coordinate; None takes 1/60 of the body's size.
        gap_share: share of positions that are missing, in short runs.
        gap_ms: longest run.
        offset_mm: SD of the true keypoints' distance (each coordinate) from where the body has them.
    """

    clips: int = attrs.field(default=24, validator=attrs.validators.ge(1))
    frames: int = attrs.field(default=60, validator=attrs.validators.ge(4))
    rate_hz: float = attrs.field(default=200.0, validator=_positive)
    targets: int = attrs.field(default=6, validator=attrs.validators.ge(1))
    amplitude: float = attrs.field(default=0.3, validator=_share)
    onset_s: float = attrs.field(default=0.02, validator=_at_least_0)
    duration_s: float = attrs.field(default=0.22, validator=_positive)
    rest_share: float = attrs.field(default=0.6, validator=_share)
    variation: float = attrs.field(default=0.02, validator=_at_least_0)
    noise_mm: float | None = attrs.field(default=None, validator=attrs.validators.optional(_at_least_0))
    gap_share: float = attrs.field(default=0.01, validator=[_at_least_0, attrs.validators.lt(0.5)])
    gap_ms: float = attrs.field(default=25.0, validator=_at_least_0)
    offset_mm: float = attrs.field(default=0.0, validator=_at_least_0)
