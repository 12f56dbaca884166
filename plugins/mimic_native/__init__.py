"""The `native` actuation: a body driven by the actuators that its model has of its own.

Muscles, motors, servos, dampers and adhesion work as MuJoCo has them, with their activation dynamics, on joints,
tendons, sites and bodies.
"""

from __future__ import annotations

from mimic_core import ActuationSpec, hookimpl
from mimic_native.settings import Settings


def build(config, body):
    from mimic_native.actuators import build_actuation

    return build_actuation(config, body)


def own(body):
    return bool(body.actuators)


@hookimpl
def mimic_actuations():
    yield ActuationSpec(
        name="native",
        config=Settings,
        build=build,
        own=own,
        summary="the actuators of the model itself; their control ranges are mapped to -1 to 1",
        source="MuJoCo documentation, Computation: Actuation model",
    )
