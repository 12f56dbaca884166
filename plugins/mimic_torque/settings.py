"""Settings of the motors."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class Settings:
    """Settings of the motors.

    Attributes:
        torque_limits: joint, or a pattern of names such as ``*_L`` → torque limit, N·m (N for a slide). A name comes
            before what the body says, a pattern is for joints that the body says nothing of.
        torque_limit_gravity: joints that still have none get this multiple of the torque that the weight of what they
            move has at most, in the model's reference pose; 0 for none.
        torque_scale: factor on every torque limit.
        poses: how many poses the muscles' moment arms are taken at, for joints whose limit they give.
    """

    torque_limits: Mapping[str, float] = attrs.field(factory=dict)
    torque_limit_gravity: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    torque_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    poses: int = attrs.field(default=1024, validator=attrs.validators.ge(1))
