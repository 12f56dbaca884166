"""An observation: how far each joint is from where it should be."""

import attrs

from mimic_core import ObservationSpec, hookimpl


@attrs.frozen
class Template:
    """Settings of the observation.

    Attributes:
        scale: of what the policy sees, 1/rad.
    """

    scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))


def build(config, model):
    """(joint,) difference of the reference's joint angles from the body's, times ``scale``."""
    return lambda step: config.scale * (step.ref.joint_pos - step.joint_pos)


@hookimpl
def mimic_observations():
    yield ObservationSpec(
        name="template", config=Template, build=build, role="reference", summary="joint angles still to go"
    )
