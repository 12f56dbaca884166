"""How a body is driven: what turns a policy's action into excitation, and excitation into force."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from mimic_core.plugins.component import ComponentSpec

if TYPE_CHECKING:
    import mujoco


@attrs.frozen(kw_only=True)
class Actuation:
    """The actuators of one body.

    Attributes:
        actuators: names, in the order of excitation.
        low, high: bounds of excitation: (0, 1) for muscles, (-1, 1) for torques.
        apply: adds the actuators to an editable MuJoCo specification of the skeleton.
    """

    name: str
    actuators: tuple[str, ...]
    low: float
    high: float
    apply: Callable[[mujoco.MjSpec], None] = attrs.field(repr=False)

    @property
    def resting_action(self) -> float:
        """An action near rest, for an untrained policy to begin with: an eighth of full excitation, or no torque."""
        excitation = 0.0 if self.low < 0 else self.low + 0.125 * (self.high - self.low)
        return 2.0 * (excitation - self.low) / (self.high - self.low) - 1.0

    def excitation(self, action: Any) -> Any:
        """Map raw actions in [-1, 1] to excitations in [low, high] (affine, so its gradient never vanishes)."""
        return self.low + (action + 1.0) * (0.5 * (self.high - self.low))


@attrs.frozen(kw_only=True)
class ActuationSpec(ComponentSpec):
    """An actuation as a plugin offers it. ``build(config, body: Body) -> Actuation``."""
