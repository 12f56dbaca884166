"""What an episode begins with, and servos that are given the reference."""

from __future__ import annotations

import attrs
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from mimic_core.body.model import BodyModel
from mimic_core.physics.simulator import SimState
from mimic_core.task.settings import TaskSettings
from mimic_core.task.state import Counts, Drive


@attrs.frozen(eq=False)
class Servos:
    """What the servos of a body are given.

    Attributes:
        points: (clip, step, actuator) excitation with which servos follow the imitated reference; NaN of others.
        states: the same at rest, the activation of a servo that is where it should be; (clip, 1, actuator) where all
            episodes begin at the first step.
        span: see `mimic_core.task.TaskSettings.servo_span`.
    """

    points: Float[Array, "clip step actuator"]
    states: Float[Array, "clip step actuator"]
    span: float

    @classmethod
    def of(
        cls,
        model: BodyModel,
        qpos: Float[np.ndarray, "clip step qpos"],
        dt: float,
        span: float,
        start: Float[np.ndarray, "clip qpos"] | None = None,
    ) -> Servos | None:
        """Return those along poses ``dt`` s apart, at rest in ``start`` if given; None where no actuator is a servo."""
        actuation, set_points = model.driven_by, model.driven_by.set_points
        if set_points is None:
            return None

        def course(of: Float[np.ndarray, "clip step qpos"], dt: float) -> Array:
            wanted = [set_points(model.mj_model, poses, dt) for poses in of]
            return jnp.asarray(np.clip(wanted, actuation.low, actuation.high), jnp.float32)

        return cls(course(qpos, dt), course(qpos if start is None else start[:, None], np.inf), span)

    def excitation(self, model: BodyModel, clip: Counts, step: Counts, sent: Drive) -> Drive:
        """Return what reaches the actuators where a policy sends ``sent``, which is added to the set points."""
        actuation, point = model.driven_by, self.points[clip, step]
        away = self.span * (sent - actuation.excitation(actuation.resting_action))
        return jnp.where(jnp.isnan(point), sent, jnp.clip(point + away, actuation.low, actuation.high))


def displaced(sim: SimState, m: BodyModel, settings: TaskSettings, key: PRNGKeyArray) -> SimState:
    """Move hinges and their velocities by random amounts, within the joints' limits."""
    where, speed = jax.random.split(key)
    shape = (sim.qpos.shape[0], len(m.joint_names))
    angles = sim.qpos[:, m.joint_qposadr]
    # a reference beyond a limit stays where it is
    low, high = jnp.minimum(angles, m.joint_range[:, 0]), jnp.maximum(angles, m.joint_range[:, 1])
    away = settings.initial_joint_noise * m.is_hinge * jax.random.normal(where, shape)
    moved = jnp.clip(angles + away, low, high)
    faster = settings.initial_velocity_noise * m.is_hinge * jax.random.normal(speed, shape)
    return sim._replace(
        qpos=sim.qpos.at[:, m.joint_qposadr].set(moved), qvel=sim.qvel.at[:, m.joint_dofadr].add(faster)
    )
