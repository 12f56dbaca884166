"""The `torque` actuation: one ideal motor per joint.

The simplified control of the Al Borno lab's trainer: the policy asks for joint torques, and there are no muscles.
"""

from __future__ import annotations

from mimic_core import ActuationSpec, hookimpl
from mimic_torque.settings import Settings


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
