"""The `hill` actuation: a body driven by its muscles.

Every muscle is a Hill-type actuator of MuJoCo pulling along a path of straight lines between sites. Its
curves (force-length, force-velocity, passive force, activation) are in ``mimic_hill.curves``.
"""

from __future__ import annotations

from mimic_core import ActuationSpec, hookimpl
from mimic_hill.settings import Settings


def build(config, body):
    from mimic_hill.actuators import build_actuation

    return build_actuation(config, body)


@hookimpl
def mimic_actuations():
    yield ActuationSpec(
        name="hill",
        config=Settings,
        build=build,
        default=True,
        summary="Hill-type muscles; excitation 0 to 1",
        source="Millard, Uchida, Seth & Delp 2013, doi:10.1115/1.4023390, as MuJoCo simplifies it",
    )
