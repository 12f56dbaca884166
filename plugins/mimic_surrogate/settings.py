"""Settings of steps with the slopes of another engine."""

from __future__ import annotations

from typing import Any

import attrs


@attrs.frozen
class Settings:
    """Settings of steps with the slopes of another engine.

    Attributes:
        forward: the simulator that steps the body.
        backward: the simulator, one with gradients, whose view of the body says how a step depends on where it begins.
        forward_settings: settings of the first.
        backward_settings: settings of the second.
    """

    forward: str = "mujoco"
    backward: str = "mjx"
    forward_settings: dict[str, Any] = attrs.field(factory=dict)
    backward_settings: dict[str, Any] = attrs.field(factory=dict)
