"""Batched physics with MuJoCo's C engine, callable from compiled JAX programs."""

from __future__ import annotations

import copy
import os
import threading
from functools import partial

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float
from mujoco import rollout

from mimic_core import BodyModel, Physics, Readings, SimState
from mimic_core.simulator import substeps

_FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS


class MujocoSimulator:
    """MuJoCo in C. Inside, everything is float64; the caller's state is in JAX's default precision.

    Readings are sensors, evaluated in a call of its own with one forward pass: in a step, MuJoCo evaluates them at the
    state that the step begins with, not at the one it ends in.
    """

    differentiable = False

    def __init__(self, config, model: BodyModel, control_dt: float) -> None:
        self.model = model
        self.control_dt = control_dt
        spec = model.editable()
        self._slices = _add_sensors(spec, model)
        self._m = spec.compile()
        if config.integrator != "body":
            self._m.opt.integrator = _integrator(config.integrator)
        self._substeps = substeps(control_dt, self._m.opt.timestep)
        # physics that diverges shall show as NaN; MuJoCo would put the body back to its start without a word
        self._m.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self._probe = copy.copy(self._m)
        self._probe.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
        self._probe.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
        threads = config.threads or os.cpu_count() or 1
        self._data = [mujoco.MjData(self._m) for _ in range(threads)]
        self._probe_data = [mujoco.MjData(self._probe) for _ in range(threads)]
        self._pool = rollout.Rollout(nthread=threads)
        # XLA may run callbacks that do not depend on each other at the same time; the pool takes one call at once
        self._one_at_a_time = threading.Lock()
        m = self._m
        self._size = mujoco.mj_stateSize(m, _FULL)
        if self._size != 1 + m.nq + m.nv + m.na:
            raise ValueError(f"unexpected MuJoCo state of {self._size} numbers")
        # activation is one number per actuator: its own state, or the control where it has none
        self._with_state = np.flatnonzero(m.actuator_actadr >= 0)
        self._adr = m.actuator_actadr[self._with_state]

    def reset(
        self,
        qpos: Float[Array | np.ndarray, "batch nq"],
        qvel: Float[Array | np.ndarray, "batch nv"],
        activation: Float[Array | np.ndarray, "batch actuator"],
    ) -> SimState:
        """Put a batch of bodies into the given states at time 0."""
        return SimState(jnp.zeros(qpos.shape[0]), *map(jnp.asarray, (qpos, qvel, activation)))

    def step(self, state: SimState, excitation: Float[Array | np.ndarray, "batch actuator"]) -> SimState:
        """Advance by one control step with ``excitation`` held."""
        out = jax.pure_callback(self._host_step, jax.tree.map(_shape, tuple(state[:4])), *state[:4], excitation)
        return SimState(*out)

    def read(self, state: SimState, fields: frozenset[str]) -> Readings:
        """Read the named fields of `Readings` off a state."""
        names = [n for n in self._slices if n in fields]
        if not names:
            return Readings()
        batch, dtype = state.qpos.shape[0], jnp.result_type(float)
        shapes = [jax.ShapeDtypeStruct((batch, *self._slices[n][1]), dtype) for n in names]
        out = jax.pure_callback(partial(self._host_read, names), shapes, *state[:4])
        return Readings(**dict(zip(names, out, strict=True)))

    def _host_step(self, *args) -> tuple[np.ndarray, ...]:
        m, (*state, excitation) = self._m, [np.asarray(a, np.float64) for a in args]
        held = np.repeat(excitation[:, None], self._substeps, axis=1)
        with self._one_at_a_time:
            ends, _ = self._pool.rollout(m, self._data, initial_state=self._pack(*state), control=held)
        time, qpos, qvel, act = np.split(ends[:, -1], [1, 1 + m.nq, 1 + m.nq + m.nv], axis=1)
        activation = excitation.copy()
        activation[:, self._with_state] = act[:, self._adr]
        return tuple(np.asarray(a, a0.dtype) for a, a0 in zip((time[:, 0], qpos, qvel, activation), args, strict=False))

    def _host_read(self, names: list[str], *args) -> list[np.ndarray]:
        state = [np.asarray(a, np.float64) for a in args]
        # actuators without a state of their own are told their excitation, which is their activation
        with self._one_at_a_time:
            _, sensed = self._pool.rollout(
                self._probe, self._probe_data, initial_state=self._pack(*state), control=state[3][:, None]
            )
        out = []
        for name in names:
            where, shape = self._slices[name]
            sign = -1.0 if name == "muscle_force" else 1.0  # MuJoCo counts a pull as negative
            out.append(np.asarray(sign * sensed[:, 0, where].reshape(len(sensed), *shape), jnp.result_type(float)))
        return out

    def _pack(self, time, qpos, qvel, activation) -> np.ndarray:
        """Return MuJoCo's full physics state, (batch, state)."""
        act = np.zeros((len(qpos), self._m.na))
        act[:, self._adr] = activation[:, self._with_state]
        return np.concatenate([time[:, None], qpos, qvel, act], axis=1)


def _shape(a: Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(a.shape, a.dtype)


def _integrator(name: str) -> mujoco.mjtIntegrator:
    Physics(integrator=name)
    return getattr(mujoco.mjtIntegrator, f"mjINT_{name.upper()}")


def _add_sensors(spec: mujoco.MjSpec, model: BodyModel) -> dict[str, tuple[slice, tuple[int, ...]]]:
    """Add a sensor for each of `Readings`; return where each block lies and its shape."""
    kinds, objects = mujoco.mjtSensor, mujoco.mjtObj
    sites = [model.body.keypoints[k] for k in model.keypoint_names]
    blocks = {
        "joint_force": (kinds.mjSENS_JOINTACTFRC, objects.mjOBJ_JOINT, model.joint_names, ()),
        "muscle_force": (kinds.mjSENS_ACTUATORFRC, objects.mjOBJ_ACTUATOR, model.muscle_names, ()),
        "muscle_length": (kinds.mjSENS_ACTUATORPOS, objects.mjOBJ_ACTUATOR, model.muscle_names, ()),
        "muscle_velocity": (kinds.mjSENS_ACTUATORVEL, objects.mjOBJ_ACTUATOR, model.muscle_names, ()),
        "site_pos": (kinds.mjSENS_FRAMEPOS, objects.mjOBJ_SITE, sites, (3,)),
    }
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    slices, start = {}, 0
    for block, (kind, object_type, names, shape) in blocks.items():
        for name in names:
            spec.add_sensor(name=f"{block}/{name}", type=kind, objtype=object_type, objname=name)
        size = len(names) * int(np.prod(shape))
        slices[block] = (slice(start, start + size), (len(names), *shape))
        start += size
    return slices
