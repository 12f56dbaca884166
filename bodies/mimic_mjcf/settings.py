"""What a description of an MJCF model may say beside what every description says."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class Settings:
    """What a description of an MJCF model may say beside what every description says.

    Attributes:
        keyframe: a keyframe of the model whose pose is the body's reference pose; without one it is the model's own.
        torque_limit_gravity: a joint without a torque limit gets this multiple of the torque that the weight of what it
            moves has at most, in the reference pose; 0 for none.
        emg_muscles: what a lab calls a muscle that it records → the muscle of the model.
    """

    keyframe: str = ""
    torque_limit_gravity: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    emg_muscles: Mapping[str, str] = attrs.field(factory=dict)
