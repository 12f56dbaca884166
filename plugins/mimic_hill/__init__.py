"""The `hill` actuation: a body driven by its muscles.

Every muscle is a Hill-type actuator of MuJoCo pulling along a path of straight lines between sites. Its
curves (force-length, force-velocity, passive force, activation) are in ``mimic_hill.curves``.
"""

from __future__ import annotations

import attrs

from mimic_core import ActuationSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the muscles.

    Attributes:
        smoothing: width, in units of excitation minus activation, over which the time constant changes from
            the one of deactivation to the one of activation. 0 is a step, as in Millard et al. 2013; a
            gradient through the activation needs it > 0 (0.01 is enough).
        force_scale: factor on every maximum isometric force, for a weaker or stronger animal.
    """

    smoothing: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    force_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))


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
