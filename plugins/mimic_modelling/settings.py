"""What a description of an MJCF model may say beside what every description says."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

UNITS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6}


@attrs.frozen(kw_only=True)
class Without:
    """What is left out of a model, by patterns of names such as ``"*_left"``, with all that refers to it.

    Attributes:
        bodies: with all that they carry.
        joints: what they move is held where the model has it.
        actuators: of the model's own.
        contacts: of bodies with one another; the floor is part of ``world``. What they touch beside is kept.
    """

    bodies: tuple[str, ...] = ()
    joints: tuple[str, ...] = ()
    actuators: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Wraps:
    """On which side tendons run, by patterns of names of the spheres and cylinders that they pass with a side site.

    Attributes:
        inside: geoms that hold the tendon within, as a pulley's rim does.
        outside: geoms that the tendon goes round.
    """

    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()


@attrs.frozen
class Settings:
    """What a description of an MJCF model may say beside what every description says.

    Attributes:
        keyframe: a keyframe of the model whose pose is the body's reference pose; without one it is the model's own.
        torque_limit_gravity: a joint without a torque limit gets this multiple of the torque that the weight of what it
            moves has at most, in the reference pose; 0 for none.
        length_unit: the unit of length that the model is written in, ``m``, ``cm``, ``mm`` or ``um``. Positions in the
            description are in it too. What mimic reports in mm is converted; masses and forces are not.
        floor: the height, in that unit, of a floor for a model that has none.
        without: what is left out.
        wraps: on which side of wrapping geoms tendons run, where the model's side sites are not to decide.
        emg_muscles: what a lab calls a muscle that it records → the muscle of the model.
    """

    keyframe: str = ""
    torque_limit_gravity: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    length_unit: str = attrs.field(default="m", validator=attrs.validators.in_(tuple(UNITS)))
    floor: float | None = None
    without: Without = attrs.field(factory=Without)
    wraps: Wraps = attrs.field(factory=Wraps)
    emg_muscles: Mapping[str, str] = attrs.field(factory=dict)
