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
