"""Settings of the terminations."""

from __future__ import annotations

import attrs


@attrs.frozen
class KeypointError:
    """Settings of the keypoint-error termination.

    Attributes:
        max_share: mean keypoint error beyond which an episode ends, as a share of the body's extent (the
            greatest distance between two of its keypoints in the reference pose; with one keypoint, the size of
            the model).
    """

    max_share: float = attrs.field(default=0.5, validator=attrs.validators.gt(0))


@attrs.frozen
class RootLost:
    """Settings of the root-lost termination; None for a limit that does not count.

    Attributes:
        max_mm: distance of the root from the reference, mm of the animal.
        max_share: the same as a share of the body's extent, where ``max_mm`` does not say it. 0.5 is what track-mjx
            has for its rat: 100 mm of 200 mm.
        max_deg: angle between the root's orientation and the reference; 114.6 is what track-mjx has for its rat.
        max_joint_deg: root of the mean square over joints of the difference from the reference's angles; 45 is what
            track-mjx has for its rat: a sum of 20 rad² over 33 joints. Hinges only.
    """

    max_mm: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
    max_share: float | None = attrs.field(default=0.5, validator=attrs.validators.optional(attrs.validators.gt(0)))
    max_deg: float | None = attrs.field(default=114.6, validator=attrs.validators.optional(attrs.validators.gt(0)))
    max_joint_deg: float | None = attrs.field(default=45.0, validator=attrs.validators.optional(attrs.validators.gt(0)))
