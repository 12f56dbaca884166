"""An actuation: a motor at every hinge and slide, all of one strength."""

import attrs

from mimic_core import Actuation, ActuationSpec, ConfigError, hookimpl


@attrs.frozen
class Template:
    """Settings of the motors.

    Attributes:
        torque: of each motor at excitation 1, N·m (N for a slide).
    """

    torque: float = attrs.field(default=1e-3, validator=attrs.validators.gt(0))


def build(config, body):
    import mujoco

    scalar = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)
    joints = [joint.name for joint in body.spec().joints if joint.type in scalar]
    if not joints:
        raise ConfigError(f"body {body.name}: has no hinge or slide for the actuation 'template' to drive")

    def apply(spec):
        for joint in joints:
            motor = spec.add_actuator(name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
            motor.set_to_motor()
            motor.gear[0], motor.ctrllimited, motor.ctrlrange = config.torque, True, (-1.0, 1.0)

    return Actuation(name="template", actuators=tuple(joints), low=-1.0, high=1.0, apply=apply)


@hookimpl
def mimic_actuations():
    yield ActuationSpec(name="template", config=Template, build=build, summary="a motor at each joint, all alike")
