"""Settings of the motors."""

from __future__ import annotations

import attrs


@attrs.frozen
class Settings:
    """Settings of the motors.

    Attributes:
        torque_scale: factor on every torque limit.
        poses: how many poses the muscles' moment arms are taken at, for joints whose limit they give.
    """

    torque_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    poses: int = attrs.field(default=1024, validator=attrs.validators.ge(1))
