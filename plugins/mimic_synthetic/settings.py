"""Settings of the made-up movements."""

from __future__ import annotations

import attrs


def _share(instance: object, attribute: attrs.Attribute, v: float) -> None:
    if not 0 <= v <= 1:
        raise ValueError(f"{attribute.name} must lie between 0 and 1, got {v}")


_positive = attrs.validators.gt(0)
_at_least_0 = attrs.validators.ge(0)
_or_none = attrs.validators.optional


@attrs.frozen(kw_only=True)
class Camera:
    """What every generator has: how much is recorded, and how well.

    Attributes:
        clips, frames: how many clips, and frames in each.
        rate_hz: camera rate.
        noise_mm: SD of the tracking error of each coordinate; None takes 1/60 of the body's size.
        gap_share: share of positions that are missing, in short runs.
        gap_ms: longest run.
        offset_mm: SD of the true keypoints' distance (each coordinate) from where the body has them.
    """

    clips: int = attrs.field(default=24, validator=attrs.validators.ge(1))
    frames: int = attrs.field(default=60, validator=attrs.validators.ge(4))
    rate_hz: float = attrs.field(default=200.0, validator=_positive)
    noise_mm: float | None = attrs.field(default=None, validator=_or_none(_at_least_0))
    gap_share: float = attrs.field(default=0.01, validator=[_at_least_0, attrs.validators.lt(0.5)])
    gap_ms: float = attrs.field(default=25.0, validator=_at_least_0)
    offset_mm: float = attrs.field(default=0.0, validator=_at_least_0)


@attrs.frozen(kw_only=True)
class Settings(Camera):
    """Settings of the `reaches` generator, those of its camera included.

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

    targets: int = attrs.field(default=6, validator=attrs.validators.ge(1))
    amplitude: float = attrs.field(default=0.3, validator=_share)
    onset_s: float = attrs.field(default=0.02, validator=_at_least_0)
    duration_s: float = attrs.field(default=0.22, validator=_positive)
    rest_share: float = attrs.field(default=0.6, validator=_share)
    variation: float = attrs.field(default=0.02, validator=_at_least_0)


@attrs.frozen(kw_only=True)
class Targets(Settings):
    """Settings of the `targets` generator: those of `reaches`, and what reaches.

    Attributes:
        endpoint: keypoint that is brought to the targets; by default the one that most joints move.
    """

    endpoint: str = ""


@attrs.frozen(kw_only=True)
class Gait(Camera):
    """Settings of the `gait` generator, those of its camera aside. Lengths are shares, so that they suit any body.

    Attributes:
        clips, frames, rate_hz, noise_mm, gap_share, gap_ms, offset_mm: as in `reaches`.
        feet: bodies that walk; by default those at the tips of limbs that stand on the floor.
        speed: along the way, in leg lengths per second; None: the speed v at which v² is 0.05 times gravity times leg
            length (Froude number, Alexander & Jayes 1983). Of a body without feet it follows from its wave.
        stride: length of a stride in leg lengths; shortened where the legs do not reach that far.
        duty: share of a stride that a foot stands.
        lift: how high a foot is lifted, in leg lengths.
        bob: how far the trunk goes up and down, in leg lengths.
        turn_deg: SD between clips of how far the animal turns while it walks one leg length, deg.
        variation: SD of speed between clips, as a share of it.
        wave: length of the wave along a body without feet, in lengths of that body.
        wave_hz: how often the wave passes, 1/s.
        amplitude_deg: how far such a body turns off its course, deg; less where its joints do not bend that far.
    """

    feet: tuple[str, ...] = ()
    speed: float | None = attrs.field(default=None, validator=_or_none(_positive))
    stride: float = attrs.field(default=1.0, validator=_positive)
    duty: float = attrs.field(default=0.6, validator=[_positive, attrs.validators.lt(1)])
    lift: float = attrs.field(default=0.15, validator=_at_least_0)
    bob: float = attrs.field(default=0.01, validator=_at_least_0)
    turn_deg: float = attrs.field(default=3.0, validator=_at_least_0)
    variation: float = attrs.field(default=0.1, validator=[_at_least_0, attrs.validators.lt(0.3)])
    wave: float = attrs.field(default=0.65, validator=_positive)
    wave_hz: float = attrs.field(default=0.5, validator=_positive)
    amplitude_deg: float = attrs.field(default=45.0, validator=[_positive, attrs.validators.lt(90)])
