"""What reward terms, observations and terminations see of one control step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import attrs

from mimic_core.errors import PluginError


class Kinematics(NamedTuple):
    """Where the body is at one instant (or, in `StepView.future`, at several: a leading axis)."""

    joint_pos: Any
    """(joint,) rad"""
    joint_vel: Any
    """(joint,) rad/s"""
    site_pos: Any
    """(keypoint, 3) m"""
    root_pos: Any = None
    """(3,) m, None for a fixed base"""
    root_quat: Any = None
    """(4,) w x y z, None for a fixed base"""
    root_angvel: Any = None
    """(3,) rad/s in the root's own frame, None for a fixed base"""
    root_linvel: Any = None
    """(3,) m/s along the world's axes, None for a fixed base"""
    body_pos: Any = None
    """(body, 3) m, frame origins of `BodyModel.body_names`"""


class StepView(NamedTuple):
    """One environment at the end of one control step; every array is ordered by the body's names.

    `ref` is the reference at the same instant. `future` holds the reference at the coming instants
    that the task's window asks for, with a leading window axis. Fields that no chosen term uses are None:
    when the task is built, the core finds out what each term reads, and asks the simulator for no more.
    """

    joint_pos: Any
    """(joint,) rad"""
    joint_vel: Any
    """(joint,) rad/s"""
    joint_force: Any
    """(joint,) N·m, what the actuators exert on each joint"""
    activation: Any
    """(actuator,) in [0, 1] for muscles; equal to excitation for torques"""
    excitation: Any
    """(actuator,) excitation that reached the actuators during this step"""
    previous_excitation: Any
    """(actuator,) the same for the step before"""
    muscle_force: Any
    """(muscle,) N, tension is positive"""
    muscle_length: Any
    """(muscle,) m"""
    muscle_velocity: Any
    """(muscle,) m/s, lengthening is positive"""
    site_pos: Any
    """(keypoint, 3) m"""
    root_pos: Any
    """(3,) m, None for a fixed base"""
    root_quat: Any
    """(4,) w x y z, None for a fixed base"""
    root_angvel: Any
    """(3,) rad/s in the root's own frame, None for a fixed base"""
    root_linvel: Any
    """(3,) m/s along the world's axes, None for a fixed base"""
    body_pos: Any
    """(body, 3) m, frame origins of `BodyModel.body_names`"""
    time: Any
    """() s since the clip began"""
    control_dt: Any
    """() s, what one control step lasts"""
    ref: Kinematics
    future: Kinematics


@attrs.frozen
class Term:
    """A term with memory, for a ``build`` that needs more than the present step.

    Attributes:
        init: ``init() -> memory``, a pytree of arrays.
        step: ``step(memory, view: StepView) -> (memory, value)``.
    """

    init: Callable[[], Any]
    step: Callable[[Any, StepView], tuple[Any, Any]]


def rotation(quat: Any) -> Any:
    """Return the `jax.scipy.spatial.transform.Rotation` of unit quaternions (…, 4), w first; JAX itself has w last.

    The gradients of ``inv``, ``*``, ``apply`` and ``as_matrix`` are finite everywhere. Those of ``magnitude`` and
    ``as_rotvec`` are not at the identity, which is where a body is that tracks perfectly: use a function of the angle
    that is smooth there.
    """
    import jax.numpy as jnp
    from jax.scipy.spatial.transform import Rotation

    return Rotation(jnp.roll(quat, -1, axis=-1))


def as_term(built: Term | Callable[[StepView], Any]) -> Term:
    """Give a plain function of the step the shape of a `Term`."""
    if isinstance(built, Term):
        return built
    return Term(init=lambda: (), step=lambda memory, view: (memory, built(view)))


def fields_read(term: Term, view: StepView) -> frozenset[str]:
    """Return the names that a term reads off the step (``site_pos``, ``ref.site_pos``, …), by running it abstractly.

    ``view`` gives the shapes: one environment, every field present.
    """
    import jax

    seen: set[str] = set()
    try:
        jax.eval_shape(lambda v: term.step(term.init(), cast(StepView, _Recorder(v, seen)))[1], view)
    except TypeError as e:
        if "_Recorder" not in str(e):
            raise
        raise PluginError(
            "a term is wrapped in jax.jit or passes the whole step to a jax function; read the fields it "
            "needs (step.joint_pos, …) and return a plain function: the core compiles it"
        ) from e
    return frozenset(seen)


class _Recorder:
    """Stands in for a `StepView` and notes what is read."""

    def __init__(self, view: Any, seen: set[str], prefix: str = "") -> None:
        self._view, self._seen, self._prefix = view, seen, prefix

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._view, name)
        if isinstance(found, Kinematics):
            return _Recorder(found, self._seen, f"{self._prefix}{name}.")
        if name in type(self._view)._fields:
            self._seen.add(self._prefix + name)
        return found
