"""Checks of simulators."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from mimic_core.errors import PluginError
from mimic_core.physics.simulator import Readings
from mimic_core.plugins.manager import Plugins
from mimic_core.testing.steps import random_step, toy_model


def check_simulation(record: Any, plugins: Plugins) -> None:
    """Reset, three steps and a reading on the toy body: shapes, finite numbers, time, no hidden state."""
    model = toy_model(plugins)
    dt = 2 * float(model.mj_model.opt.timestep)
    simulator = record.build(record.config(), model, dt, False)
    if abs(simulator.control_dt - dt) > 1e-9:
        raise PluginError(
            f"was built for control steps of {dt:g} s but says control_dt is {simulator.control_dt:g} s; "
            "keep the control_dt that build is given"
        )
    views = [random_step(model, key) for key in range(3)]
    qpos = np.tile(model.mj_model.qpos0, (3, 1)).astype(np.float32)
    qpos[:, model.joint_qposadr] = [v.joint_pos for v in views]
    qvel = np.zeros((3, model.mj_model.nv), np.float32)
    activation, excitation = (np.stack([getattr(v, name) for v in views]) for name in ("activation", "excitation"))
    state, step = jax.jit(simulator.reset)(qpos, qvel, activation), jax.jit(simulator.step)
    for _ in range(3):
        before, state = state, step(state, excitation)
        _numbers("the state", state._asdict())
        late = float(np.abs(np.asarray(state.time) - np.asarray(before.time) - dt).max())
        if late > 1e-6:
            raise PluginError(
                f"a control step of {dt:g} s advances time by {late:g} s more or less; step by control_dt each time"
            )
    again = step(before, excitation)
    if not np.allclose(again.qpos, state.qpos, rtol=0, atol=1e-6):
        raise PluginError("the same state stepped twice gives two results; keep everything that matters in the state")
    other = step(before, excitation * np.array([[1.0], [1.0], [0.5]], np.float32))
    if not np.allclose(other.qpos[:2], state.qpos[:2], rtol=0, atol=1e-6):
        raise PluginError("driving one body of a batch moves the others; keep the bodies of a batch apart")
    joints, muscles = len(model.joint_names), len(model.muscle_names)
    shapes = {
        "joint_force": (3, joints),
        "muscle_force": (3, muscles),
        "muscle_length": (3, muscles),
        "muscle_velocity": (3, muscles),
        "site_pos": (3, len(model.keypoint_names), 3),
        "body_pos": (3, len(model.body_names), 3),
    }
    read = jax.jit(lambda s: simulator.read(s, frozenset(Readings._fields)))(state)._asdict()
    _numbers("what it reads", read, shapes)


def _numbers(what: str, found: dict[str, Any], shapes: dict[str, tuple[int, ...]] | None = None) -> None:
    for name, shape in (shapes or {}).items():
        if found[name] is None or np.shape(found[name]) != shape:
            got = "nothing" if found[name] is None else f"shape {np.shape(found[name])}"
            raise PluginError(f"{what} has {got} for {name}, expected shape {shape}; follow mimic_core.Readings")
    for name, v in found.items():
        for leaf in jax.tree.leaves(v):
            if np.issubdtype(np.asarray(leaf).dtype, np.floating) and not np.isfinite(leaf).all():
                raise PluginError(f"{what} is not finite in {name}; check the time step and the units of the body")


def check_forces(record: Any, plugins: Plugins) -> None:
    """An engine that says it applies forces is moved by one, and by a force of zero as without."""
    model = toy_model(plugins)
    simulator = record.build(record.config(), model, float(model.mj_model.opt.timestep), False)
    at_rest = np.zeros((2, len(model.actuator_names)))
    begun = np.tile(model.mj_model.qpos0, (2, 1)), np.zeros((2, model.mj_model.nv))
    state = jax.jit(simulator.reset)(*begun, at_rest)
    force = np.zeros((2, len(model.body_names), 6), np.float32)
    force[1, -1, :3] = 1e-3
    pushed = jax.jit(simulator.step)(state._replace(force=force), at_rest)
    alone = jax.jit(simulator.step)(state, at_rest)
    if not np.allclose(pushed.qvel[0], alone.qvel[0], rtol=0, atol=1e-6):
        raise PluginError("a force of zero moves the toy body; add SimState.force to what acts on each body anyway")
    if np.allclose(pushed.qvel[1], alone.qvel[1], rtol=0, atol=1e-6):
        raise PluginError("a force does not move the toy body; apply SimState.force in step, or say forces=False")


def check_gradient(record: Any, plugins: Plugins) -> None:
    """An engine that says it can be differentiated has finite slopes, also at rest."""
    model = toy_model(plugins)
    simulator = record.build(record.config(), model, float(model.mj_model.opt.timestep), True)
    start = (jnp.asarray(model.mj_model.qpos0, jnp.result_type(float))[None], jnp.zeros((1, model.mj_model.nv)))

    def after(excitation: jax.Array) -> jax.Array:
        return simulator.step(simulator.reset(*start, excitation), excitation).qvel.sum()

    low = np.maximum(model.driven_by.low, 0.0)
    slope = jax.jit(jax.grad(after))(jnp.full((1, len(model.actuator_names)), low))
    if not (jnp.isfinite(slope).all() and jnp.abs(slope).max() > 0):
        raise PluginError(
            f"the slope of joint velocity with respect to excitation is {np.asarray(slope).tolist()} at "
            "rest; smooth the body that it steps, or say differentiable=False"
        )
