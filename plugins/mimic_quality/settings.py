"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, le, lt


@attrs.frozen
class Settings:
    """Settings of the registration analysis.

    Attributes:
        show: clips that the figures of joint angles and of single frames show; none named means the clip with the
            median error and the clip with the largest mean error.
        jump_trust: a tracked position that the fit trusted less than this (0 to 1) is a jump of the tracking.
        limit_margin: a joint closer to a limit than this share of its range counts as being at the limit.
        worst_frames: how many of the worst frames are listed.
    """

    show: tuple[str, ...] = ()
    jump_trust: float = attrs.field(default=0.25, validator=[gt(0), le(1)])
    limit_margin: float = attrs.field(default=0.001, validator=[ge(0), lt(0.5)])
    worst_frames: int = attrs.field(default=10, validator=ge(1))
