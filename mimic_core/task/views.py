"""Episodes as terms see them: a `StepView` of the body and of the reference beside it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int

from mimic_core.body.kinematics import positions
from mimic_core.body.model import BodyModel
from mimic_core.physics.simulator import Simulator
from mimic_core.task.reference import Reference
from mimic_core.task.state import Drive, TaskState
from mimic_core.task.step import Kinematics, StepView

_NO_ROOT: tuple[Any, Any, Any, Any] = (None,) * 4


class ViewMaker:
    """Makes the views of a task's episodes when it is called.

    Args:
        model: the compiled body.
        simulator: reads off a state what has to be computed.
        reference: what is imitated, at the control rate.
        ahead: (window,) how many control steps the coming instants lie ahead.
        control_dt: s, what one control step lasts.
    """

    def __init__(
        self,
        model: BodyModel,
        simulator: Simulator,
        reference: Reference,
        ahead: Int[Array, " window"],
        control_dt: float,
    ) -> None:
        self._model, self._simulator, self._reference = model, simulator, reference
        self._ahead, self._control_dt = ahead, control_dt
        self._n_steps, self._qpos, self._qvel = map(jnp.asarray, (reference.n_steps, reference.qpos, reference.qvel))

    def example(self) -> StepView:
        """Return one environment's view with every field present, for shapes."""
        m = self._model
        joints, acts, muscles = (np.zeros(len(n)) for n in (m.joint_names, m.actuator_names, m.muscle_names))
        there: tuple[Any, Any, Any, Any] = (np.zeros(3), np.array([1.0, 0, 0, 0]), np.zeros(3), np.zeros(3))
        root = _NO_ROOT if m.root is None else there
        sites, bodies = (np.zeros((len(n), 3)) for n in (m.keypoint_names, m.body_names))
        here = Kinematics(joints, joints, sites, *root, bodies)
        return StepView(
            **here._asdict(),
            joint_force=joints,
            activation=acts,
            excitation=acts,
            previous_excitation=acts,
            muscle_force=muscles,
            muscle_length=muscles,
            muscle_velocity=muscles,
            time=np.zeros(()),
            control_dt=np.asarray(self._control_dt),
            ref=here,
            future=jax.tree.map(lambda a: np.stack([a] * len(self._ahead)), here),
        )

    @cached_property
    def _positions(self) -> dict[str, np.ndarray]:
        """``site_pos`` and ``body_pos`` on the imitated reference; computed when a program first reads them."""
        return dict(zip(("site_pos", "body_pos"), positions(self._model, self._reference.qpos), strict=True))

    def __call__(self, state: TaskState, previous_excitation: Drive, fields: frozenset[str]) -> StepView:
        """Return the batch as terms see it, every array with a leading batch axis.

        Of what the simulator has to compute, only the named ``fields`` are there; the rest is None.
        """
        sim = state.sim
        read = self._simulator.read(sim, fields)
        now = self._kinematics(sim.qpos, sim.qvel, read.site_pos, read.body_pos)
        sites, bodies = (
            jnp.asarray(self._positions[name]) if fields & {f"ref.{name}", f"future.{name}"} else None
            for name in ("site_pos", "body_pos")
        )
        reference = self._kinematics(self._qpos, self._qvel, sites, bodies)
        last = self._n_steps[state.clip] - 1
        at = jnp.minimum(state.step, last)
        ahead = jnp.minimum(at[:, None] + self._ahead, last[:, None])
        return StepView(
            **now._asdict(),
            joint_force=read.joint_force,
            activation=sim.activation,
            excitation=state.excitation,
            previous_excitation=previous_excitation,
            muscle_force=read.muscle_force,
            muscle_length=read.muscle_length,
            muscle_velocity=read.muscle_velocity,
            time=sim.time,
            control_dt=jnp.full_like(sim.time, self._control_dt),
            ref=jax.tree.map(lambda a: a[state.clip, at], reference),
            future=jax.tree.map(lambda a: a[state.clip[:, None], ahead], reference),
        )

    def _kinematics(
        self,
        qpos: Float[Array, "*batch nq"],
        qvel: Float[Array, "*batch nv"],
        site_pos: Float[Array, "*batch keypoint 3"] | None,
        body_pos: Float[Array, "*batch body 3"] | None,
    ) -> Kinematics:
        m, root = self._model, _NO_ROOT
        if m.root is not None:
            at, dof = m.root_qposadr, m.root_dofadr
            place = qpos[..., at : at + 3], qpos[..., at + 3 : at + 7]
            root = (*place, qvel[..., dof + 3 : dof + 6], qvel[..., dof : dof + 3])
        return Kinematics(qpos[..., m.joint_qposadr], qvel[..., m.joint_dofadr], site_pos, *root, body_pos)
