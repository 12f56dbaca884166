"""Null models rolled out in the true physics: a limp body, and one that its actuators hold in its mean pose."""

from __future__ import annotations

from typing import Any

import attrs
import jax.numpy as jnp
import mujoco
import numpy as np

from mimic_core import Actuation, BodyModel, Controller, Decision, SimulatorSpec
from mimic_core.chain import ClipRunner, diverged, passive_controller
from mimic_core.task import Noise, Task, WeightedTerm, as_term
from mimic_tracking.nulls import HELD, LIMP, SERVOS

FULL_TORQUE_RAD = 0.5
"""A motor of a held pose gives its full torque where its joint is off by so much, as the rat's own servos do."""


def null_courses(task: Task, engine: SimulatorSpec, train: np.ndarray) -> dict[str, np.ndarray]:
    """Return null model → (clip, step, qpos) from the same starts as the rollouts; NaN past an end.

    Args:
        task: in the true physics.
        engine: the simulator of ``task``.
        train: (clip,) True where the mean pose is taken from.
    """
    plain = task.without_set_points()
    nulls = {LIMP: _course(plain, passive_controller(plain)), HELD: _course(*held_pose(plain, engine, train))}
    if task.follows_by_itself:
        nulls[SERVOS] = _course(task, _at_rest(task))
    return nulls


def _at_rest(task: Task) -> Controller:
    """A controller that adds nothing to what servos are given."""
    rest = jnp.asarray(task.model.actuation.resting_action)

    def act(variables: Any, observation: Any, carry: Any, key: Any) -> Decision:
        return Decision(jnp.broadcast_to(rest, (observation.reference.shape[0], task.action_size)), carry)

    return Controller(variables=(), start=lambda batch: (), act=act)


def held_pose(task: Task, engine: SimulatorSpec, train: np.ndarray) -> tuple[Task, Controller]:
    """Return a task and a controller whose actuators hold the joints at the mean of the training movements.

    A motor becomes a servo of the same greatest force, critically damped and integrated implicitly, since it is stiff;
    it gives that force at `FULL_TORQUE_RAD`. A servo of the model gets the control whose rest is the mean pose, and a
    muscle the least activation that holds it (`mimic_strength.holding`).
    """
    from mimic_strength.holding import holding_activation

    model, reference = task.model, task.registered
    inside = (np.arange(reference.qpos.shape[1]) < task.n_steps[:, None]) & (train if train.any() else ~train)[:, None]
    pose = model.mj_model.qpos0.copy()
    pose[model.joint_qposadr] = reference.qpos[inside][:, model.joint_qposadr].mean(axis=0)
    motors = np.array([_is_motor(model.mj_model, i) for i in range(model.mj_model.nu)])
    constant = _rest_control(model.mj_model, pose)
    if model.muscle_ids.size:
        constant[model.muscle_ids] = holding_activation(model, pose[None])[0][model.muscle_ids]
    constant[motors] = 0.0
    actuation: Actuation = model.actuation
    constant = np.clip(constant, actuation.low, actuation.high)
    if motors.any():
        servos = attrs.evolve(actuation, apply=_with_servos(actuation, model, motors, pose))
        model = BodyModel.compile(model.body, servos)
    action = 2.0 * (constant - actuation.low) / (actuation.high - actuation.low) - 1.0

    def act(variables: Any, observation: Any, carry: Any, key: Any) -> Decision:
        return Decision(jnp.broadcast_to(jnp.asarray(action), (observation.reference.shape[0], len(action))), carry)

    nothing = WeightedTerm("none", 0.0, as_term(lambda step: 0.0 * step.time))
    seen = [lambda step: step.time[None]]
    held = Task(
        model=model,
        simulator=engine.build(engine.config(), model, task.control_dt, False),
        clips=task.clips,
        settings=attrs.evolve(task.settings, noise=Noise(), sensory_delay_ms=0.0, motor_delay_ms=0.0, servo_span=0.0),
        rewards=[nothing],
        observations={"reference": seen, "proprioception": seen},
        terminations=[],
        train_clips=task.train_clips,
        initial_activation=np.tile(constant, (len(task.clips.clip_names), 1)),
    )
    return held, Controller(variables=(), start=lambda batch: (), act=act)


def _course(task: Task, controller: Controller) -> np.ndarray:
    """(clip, step, qpos) of a rollout; NaN past an end, and from where the physics diverged on."""
    runner = ClipRunner(task, np.arange(len(task.clips.clip_names)))
    start, _, (sim, *_) = runner.run(controller)
    qpos = np.concatenate([np.asarray(start.qpos)[:, None], np.moveaxis(np.asarray(sim.qpos), 0, 1)], axis=1)
    ends = task.n_steps.copy()
    for clip, step in diverged(sim.time, task.n_steps).items():
        ends[clip] = step
    return np.where((np.arange(qpos.shape[1]) < ends[:, None])[..., None], qpos, np.nan).astype(np.float32)


def _is_motor(m: mujoco.MjModel, i: int) -> bool:
    """Whether an actuator's force depends on nothing but its control."""
    fixed = m.actuator_gaintype[i] == mujoco.mjtGain.mjGAIN_FIXED
    bias = m.actuator_biastype[i] != mujoco.mjtBias.mjBIAS_NONE and m.actuator_biasprm[i, 1:3].any()
    return bool(fixed and not bias and m.actuator_dyntype[i] != mujoco.mjtDyn.mjDYN_MUSCLE)


def _rest_control(m: mujoco.MjModel, pose: np.ndarray) -> np.ndarray:
    """(actuator,) the control with which a servo gives no force at rest in a pose; 0 of others."""
    data = mujoco.MjData(m)
    data.qpos[:] = pose
    mujoco.mj_fwdPosition(m, data)
    gain, bias = m.actuator_gainprm, m.actuator_biasprm
    length = data.actuator_length
    of_length = (m.actuator_gaintype == mujoco.mjtGain.mjGAIN_AFFINE) * gain[:, 1] * length
    strength, rest = gain[:, 0] + of_length, bias[:, 0] + bias[:, 1] * length
    return np.where(np.abs(strength) > 0, -rest / np.where(strength == 0, 1.0, strength), 0.0)


def _with_servos(actuation: Actuation, model: BodyModel, motors: np.ndarray, pose: np.ndarray) -> Any:
    """Return a function that puts the actuators on a skeleton, servos in place of motors."""
    m = model.mj_model
    data = mujoco.MjData(m)
    data.qpos[:] = pose
    mujoco.mj_fwdPosition(m, data)
    mujoco.mj_forward(m, data)
    length, servos = data.actuator_length.copy(), {}
    furthest = np.broadcast_to(np.maximum(np.abs(actuation.low), np.abs(actuation.high)), m.nu)
    for i in np.flatnonzero(motors):
        most = abs(m.actuator_gainprm[i, 0]) * furthest[i]
        gear = np.linalg.norm(m.actuator_gear[i]) or 1.0
        stiffness = most / (FULL_TORQUE_RAD * gear)
        inertia = 1.0 / max(m.actuator_acc0[i] * gear, 1e-12)
        servos[m.actuator(i).name] = (most, stiffness, 2.0 * np.sqrt(stiffness * inertia), length[i])

    def apply(spec: mujoco.MjSpec) -> None:
        actuation.apply(spec)
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        for actuator in spec.actuators:
            if actuator.name in servos:
                most, stiffness, damping, rest = servos[actuator.name]
                actuator.gaintype, actuator.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
                actuator.gainprm[0] = 0.0
                actuator.biasprm[:3] = (stiffness * rest, -stiffness, -damping)
                actuator.forcelimited, actuator.forcerange = True, (-most, most)

    return apply
