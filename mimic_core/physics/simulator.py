"""What a simulator is: physics over a batch, pure from the caller's side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import attrs

from mimic_core.errors import ConfigError
from mimic_core.plugins.component import ComponentSpec

if TYPE_CHECKING:
    from mimic_core.body.model import BodyModel
    from mimic_core.physics.randomisation import Randomisation


class SimState(NamedTuple):
    """A batch of bodies at one instant."""

    time: Any
    """(batch,) s"""
    qpos: Any
    """(batch, qpos)"""
    qvel: Any
    """(batch, qvel)"""
    activation: Any
    """(batch, actuator); equal to excitation where an actuator has no state of its own"""
    internal: Any = ()
    """what the engine itself carries to the next step; leading axis batch"""
    altered: Any = ()
    """(batch,) which of the bodies that the engine was built with each one is, see `SimulatorSpec`; () for the body as
    it is. An engine that was built without any does not look at it"""
    force: Any = ()
    """(batch, body, 6) pushes each body of `BodyModel.body_names` while the state is stepped: a force (N) on its centre
    of mass, then a torque (N·m), along the world's axes; () for none. It stays in the state until it is replaced"""


class Readings(NamedTuple):
    """What can be read off a `SimState`, at that same instant; None where it was not asked for."""

    joint_force: Any = None
    """(batch, joint) N·m, of the actuators"""
    muscle_force: Any = None
    """(batch, muscle) N, tension positive"""
    muscle_length: Any = None
    """(batch, muscle) m"""
    muscle_velocity: Any = None
    """(batch, muscle) m/s, lengthening positive"""
    site_pos: Any = None
    """(batch, keypoint, 3) m"""
    body_pos: Any = None
    """(batch, body, 3) m, frame origins of `BodyModel.body_names`"""


@runtime_checkable
class Simulator(Protocol):
    """All methods may be called inside ``jax.jit`` and ``jax.lax.scan``, and under ``jax.vmap`` over further axes.

    An engine that computes on the host's processor, and so serves one device, says so with ``host_only = True``. One
    that does without something lists it in ``left_out``.
    """

    model: BodyModel
    control_dt: float
    """s; one `step` advances time by this much"""
    differentiable: bool

    def reset(self, qpos: Any, qvel: Any, activation: Any) -> SimState:
        """Put a batch of bodies into the given states at time 0."""
        ...

    def step(self, state: SimState, excitation: Any) -> SimState:
        """Advance by one control step with ``excitation`` (batch, actuator) held."""
        ...

    def read(self, state: SimState, fields: frozenset[str]) -> Readings:
        """Read the named fields of `Readings` off a state. Nothing else is computed."""
        ...


@attrs.frozen(kw_only=True)
class SimulatorSpec(ComponentSpec):
    """A physics engine. ``build(config, model: BodyModel, control_dt: float, differentiable: bool) -> Simulator``.

    Attributes:
        rank: platform (``cpu``, ``gpu``, ``tpu``) → how well the engine suits it; ``auto`` takes the highest.
        differentiable: True if a build with ``differentiable=True`` has finite gradients.
        view_lacks: says what about a body, a `mimic_core.BodyModel`, that build leaves out or is slow with, or None if
            it may stand in for the body's own physics in training.
        draw_altered: draws the bodies that ``task.randomise`` asks for. They have ``fields``, array of MuJoCo's model →
            its values in each body, (body, …). ``build`` then also takes ``altered``, such bodies, and the engine
            steps and reads each body as the one of them that `SimState.altered` names.
        forces: True if a step applies `SimState.force`.
    """

    rank: Mapping[str, float]
    differentiable: bool = False
    view_lacks: Callable[[BodyModel], str | None] | None = None
    draw_altered: Callable[[Randomisation, BodyModel], Any] | None = None
    forces: bool = False


def substeps(control_dt: float, timestep: float) -> int:
    """How many physics steps make one control step.

    Raises:
        ConfigError: they do not divide.
    """
    n = round(control_dt / timestep)
    if n < 1 or abs(n * timestep - control_dt) > 1e-9:
        raise ConfigError(
            f"task.control_rate_hz: a control step of {control_dt * 1e3:g} ms is not a whole number of "
            f"physics steps of {timestep * 1e3:g} ms; choose a rate that divides {1 / timestep:g} Hz"
        )
    return n
