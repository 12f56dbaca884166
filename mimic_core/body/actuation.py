"""How a body is driven: what turns a policy's action into excitation, and excitation into force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core.plugins.component import ComponentSpec

if TYPE_CHECKING:
    import mujoco

    from mimic_core.body.body import Body


@attrs.frozen(kw_only=True, eq=False)
class Actuation:
    """The actuators of one body.

    Attributes:
        actuators: names, in the order of excitation.
        low, high: bounds of excitation, of all or of each (actuator,): (0, 1) for muscles, (-1, 1) for torques.
        apply: adds the actuators to an editable MuJoCo specification of the skeleton.
        set_points: ``set_points(model, qpos, dt)`` → (step, actuator) the excitation with which servos follow the poses
            ``qpos`` (step, qpos), ``dt`` s apart; NaN for actuators that are no servos. None: there are no servos.
        hold: ``hold(model: BodyModel, qpos)`` → (pose, actuator) activation that holds poses (pose, qpos) at rest, with
            which clips begin; ``hold(model, qpos, qvel, qacc)`` → that of poses in movement. None: they begin relaxed.
        reserves: actuator → its joint, of those that stand for muscles which the body lacks and are reported apart.
    """

    name: str
    actuators: tuple[str, ...]
    low: Any
    high: Any
    apply: Callable[[mujoco.MjSpec], None] = attrs.field(repr=False)
    hold: Callable[..., np.ndarray] | None = attrs.field(default=None, repr=False)
    set_points: Callable[[mujoco.MjModel, np.ndarray, float], np.ndarray] | None = attrs.field(default=None, repr=False)
    reserves: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def resting_action(self) -> Any:
        """An action near rest, for an untrained policy to begin with: no excitation, or an eighth of what there is."""
        return np.clip(-(self.high + self.low) / (self.high - self.low), -0.75, 0.75)

    def excitation(self, action: Any) -> Any:
        """Map raw actions in [-1, 1] to excitations in [low, high] (affine, so its gradient never vanishes)."""
        return self.low + (action + 1.0) * (0.5 * (self.high - self.low))


@attrs.frozen(kw_only=True)
class ActuationSpec(ComponentSpec):
    """An actuation as a plugin offers it. ``build(config, body: Body) -> Actuation``.

    Attributes:
        own: says whether a body brings what this actuation drives, which then comes before the default one.
    """

    own: Callable[[Body], bool] | None = None
