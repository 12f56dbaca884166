"""The `torque` actuation: one ideal motor per joint.

The simplified control of the Al Borno lab's trainer: the policy asks for joint torques, and there are no muscles.
"""

from __future__ import annotations

import attrs

from mimic_core import ActuationSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the motors.

    Attributes:
        torque_scale: factor on every torque limit.
        poses: how many poses the muscles' moment arms are taken at, for joints whose limit they give.
    """

    torque_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    poses: int = attrs.field(default=1024, validator=attrs.validators.ge(1))


def build(config, body):
    from mimic_torque.motors import build_actuation

    return build_actuation(config, body)


@hookimpl
def mimic_actuations():
    yield ActuationSpec(
        name="torque",
        config=Settings,
        build=build,
        summary="one ideal motor per joint; excitation -1 to 1 times its torque limit",
        source="simplified control of the mouse-arm trainer of the Al Borno lab",
    )
