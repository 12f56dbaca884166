"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import gt, le


@attrs.frozen
class Settings:
    """Settings of the tracking analysis.

    Attributes:
        saturation: an excitation of at least this much (in size) counts as saturated.
        show: clips whose joint angles are drawn; none named means the held-out clip with the median
            error and the clip with the largest error.
        reach_ms: how long the reach of a clip lasts from its start, ms; None: until the fastest keypoint of the
            reference has slowed down to a tenth of its top speed, in each clip.
        lost_mm: the root of a body that moves freely is lost when it is farther than this from the reference, mm of the
            animal; None: a tenth of the greatest distance between two of its keypoints.
        lost_deg: or when it is turned by more than this.
    """

    lost_mm: float | None = attrs.field(default=None, validator=attrs.validators.optional(gt(0)))
    lost_deg: float = attrs.field(default=30.0, validator=gt(0))
    saturation: float = attrs.field(default=0.99, validator=[gt(0), le(1)])
    show: tuple[str, ...] = ()
    reach_ms: float | None = attrs.field(default=None, validator=attrs.validators.optional(gt(0)))
