"""Batched physics with MuJoCo's C engine, callable from compiled JAX programs."""

from __future__ import annotations

import copy
import os

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float
from mujoco import rollout

from mimic_core import BodyModel, Physics, SimState
from mimic_core.simulator import substeps

_FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS


class MujocoSimulator:
    """MuJoCo in C. Inside, everything is float64; the caller's state is in JAX's default precision.

    After each control step the sensors are read at the very state that the step ended in: MuJoCo
    itself evaluates sensors at the state that a step begins with, so a second, one-forward call reads
    them off the new state.
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
        self._probe = copy.copy(self._m)
        self._probe.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
        self._probe.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
        threads = config.threads or os.cpu_count() or 1
        self._data = [mujoco.MjData(self._m) for _ in range(threads)]
        self._probe_data = [mujoco.MjData(self._probe) for _ in range(threads)]
        self._pool = rollout.Rollout(nthread=threads)
        m = self._m
        self._size = mujoco.mj_stateSize(m, _FULL)
        if self._size != 1 + m.nq + m.nv + m.na:
            raise ValueError(f"unexpected MuJoCo state of {self._size} numbers")
        # activation is one number per actuator: its own state, or the control where it has none
        self._with_state = np.flatnonzero(m.actuator_actadr >= 0)
        self._adr = m.actuator_actadr[self._with_state]

    def reset(self, qpos: Float[Array, "batch nq"], qvel: Float[Array, "batch nv"],
              activation: Float[Array, "batch actuator"]) -> SimState:
        """Put a batch of bodies into the given states at time 0."""
        return self._call(self._host_reset, jnp.zeros(qpos.shape[0]), qpos, qvel, activation, activation)

    def step(self, state: SimState, excitation: Float[Array, "batch actuator"]) -> SimState:
        """Advance by one control step with ``excitation`` held."""
        return self._call(self._host_step, state.time, state.qpos, state.qvel, state.activation, excitation)

    def _call(self, host, time, qpos, qvel, activation, excitation) -> SimState:
        batch, m = qpos.shape[0], self._m
        dtype = jnp.result_type(float)
        shapes = [(), (m.nq,), (m.nv,), (m.nu,)] + [shape for _, shape in self._slices.values()]
        out = jax.pure_callback(host, [jax.ShapeDtypeStruct((batch, *s), dtype) for s in shapes],
                                time, qpos, qvel, activation, excitation)
        return SimState(*out[:4], **dict(zip(self._slices, out[4:], strict=True)))

    def _host_step(self, *args) -> list[np.ndarray]:
        state, control = self._pack(*args)
        held = np.repeat(control[:, None], self._substeps, axis=1)
        ends, _ = self._pool.rollout(self._m, self._data, initial_state=state, control=held)
        return self._read(np.ascontiguousarray(ends[:, -1]), control)

    def _host_reset(self, *args) -> list[np.ndarray]:
        return self._read(*self._pack(*args))

    def _pack(self, time, qpos, qvel, activation, excitation) -> tuple[np.ndarray, np.ndarray]:
        time, qpos, qvel, activation, excitation = (np.asarray(a, np.float64)
                                                    for a in (time, qpos, qvel, activation, excitation))
        act = np.zeros((len(qpos), self._m.na))
        act[:, self._adr] = activation[:, self._with_state]
        return np.concatenate([time[:, None], qpos, qvel, act], axis=1), excitation

    def _read(self, state: np.ndarray, control: np.ndarray) -> list[np.ndarray]:
        m = self._m
        _, sensed = self._pool.rollout(self._probe, self._probe_data, initial_state=state, control=control[:, None])
        sensed = sensed[:, 0]
        time, qpos, qvel, act = np.split(state, [1, 1 + m.nq, 1 + m.nq + m.nv], axis=1)
        activation = control.copy()
        activation[:, self._with_state] = act[:, self._adr]
        read = {name: sensed[:, where].reshape(len(state), *shape) for name, (where, shape) in self._slices.items()}
        read["muscle_force"] = -read["muscle_force"]  # MuJoCo counts a pull as negative
        dtype = jnp.result_type(float)
        return [np.asarray(a, dtype) for a in (time[:, 0], qpos, qvel, activation, *read.values())]


def _integrator(name: str) -> mujoco.mjtIntegrator:
    Physics(integrator=name)
    return getattr(mujoco.mjtIntegrator, f"mjINT_{name.upper()}")


def _add_sensors(spec: mujoco.MjSpec, model: BodyModel) -> dict[str, tuple[slice, tuple[int, ...]]]:
    """Add a sensor for everything a `SimState` reads off; return where each block lies and its shape."""
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
