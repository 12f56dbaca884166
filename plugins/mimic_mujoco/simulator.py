"""Batched physics with MuJoCo's C engine, callable from compiled JAX programs."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float
from mujoco import rollout

from mimic_core import BodyModel, Physics, Readings, SimState
from mimic_core.physics import substeps
from mimic_mujoco.settings import Settings
from mimic_variation import AlteredBodies

_FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS
_CONTROL, _PUSH = int(mujoco.mjtState.mjSTATE_CTRL), int(mujoco.mjtState.mjSTATE_XFRC_APPLIED)


class MujocoSimulator:
    """MuJoCo in C. It computes in float64; the caller's state is in JAX's default precision.

    Readings are sensors. They take one forward pass after the step, since during a step MuJoCo evaluates sensors at the
    state that the step begins with.

    Args:
        config: of the simulator.
        model: the compiled body with its actuators.
        control_dt: s, what one control step lasts.
        altered: bodies that differ from ``model``, which ``SimState.altered`` chooses among.

    Raises:
        ConfigError: a control step is not a whole number of the body's time steps.
    """

    differentiable = False
    left_out = ()
    host_only = True

    def __init__(
        self, config: Settings, model: BodyModel, control_dt: float, altered: AlteredBodies | None = None
    ) -> None:
        self.model = model
        self.control_dt = control_dt
        spec = model.editable()
        self._slices = _add_sensors(spec, model)
        self._m = spec.compile()
        if config.integrator != "body":
            self._m.opt.integrator = _integrator(config.integrator)
        self._substeps = substeps(control_dt, self._m.opt.timestep)
        # Diverged physics must show as NaN; by itself MuJoCo puts the body back to its start and says nothing.
        self._m.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self._probe = _probe(self._m)
        self._altered = altered.models(self._m) if altered else []
        self._altered_probes = [_probe(m) for m in self._altered]
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
        shapes = jax.tree.map(_shape, tuple(state[:4]))
        forces = () if isinstance(state.force, tuple) else (state.force,)
        out = self._on_host(self._host_step, shapes, state, excitation, *forces)
        return SimState(*out, altered=state.altered, force=state.force)

    def read(self, state: SimState, fields: frozenset[str]) -> Readings:
        """Read the named fields of `Readings` off a state."""
        names = [n for n in self._slices if n in fields]
        if not names:
            return Readings()
        batch, dtype = state.qpos.shape[0], jnp.result_type(float)
        shapes = [jax.ShapeDtypeStruct((batch, *self._slices[n][1]), dtype) for n in names]
        out = self._on_host(partial(self._host_read, names), shapes, state)
        return Readings(**dict(zip(names, out, strict=True)))

    def _on_host(self, function: Callable, shapes: Any, state: SimState, *more: Array) -> Any:
        """Call ``function(which, *arrays)`` with arrays of one batch, whatever axes `jax.vmap` put before it."""

        def call(altered, time, *rest):
            arrays = [
                np.asarray(a, np.float64).reshape(np.size(time), *a.shape[np.ndim(time) :]) for a in (time, *rest)
            ]
            which = np.ravel(altered) if self._altered and not isinstance(altered, tuple) else None
            out = function(which, *arrays)
            return [
                np.asarray(a.reshape(*np.shape(time), *a.shape[1:]), s.dtype) for a, s in zip(out, shapes, strict=True)
            ]

        return jax.pure_callback(call, shapes, state.altered, *state[:4], *more, vmap_method="broadcast_all")

    def _host_step(self, which: np.ndarray | None, *args: np.ndarray) -> list[np.ndarray]:
        m, state, excitation, forces = self._m, args[:4], args[4], args[5:]
        inputs = np.concatenate([excitation, *map(self._pushes, forces)], axis=1)
        held = np.repeat(inputs[:, None], self._substeps, axis=1)
        models = _choose(m, self._altered, which, len(held))
        ends, _ = self._roll(models, self._data, self._pack(*state), held, _CONTROL | _PUSH if forces else _CONTROL)
        time, qpos, qvel, act = np.split(ends[:, -1], [1, 1 + m.nq, 1 + m.nq + m.nv], axis=1)
        activation = excitation.copy()
        activation[:, self._with_state] = act[:, self._adr]
        return [time[:, 0], qpos, qvel, activation]

    def _pushes(self, force: np.ndarray) -> np.ndarray:
        """Return forces (batch, moving body, 6) as the engine takes them: (batch, n) of all bodies, the world first."""
        pushes = np.zeros((len(force), self._m.nbody, force.shape[-1]))
        pushes[:, self.model.body_ids] = force
        return pushes.reshape(len(force), -1)

    def _host_read(self, names: list[str], which: np.ndarray | None, *state: np.ndarray) -> list[np.ndarray]:
        models = _choose(self._probe, self._altered_probes, which, len(state[0]))
        # an actuator without a state of its own gets its excitation, which is its activation
        _, sensed = self._roll(models, self._probe_data, self._pack(*state), state[3][:, None])
        out = []
        for name in names:
            where, shape = self._slices[name]
            sign = -1.0 if name == "muscle_force" else 1.0  # MuJoCo counts a pull as negative
            out.append(sign * sensed[:, 0, where].reshape(len(sensed), *shape))
        return out

    def _roll(
        self,
        models: list[mujoco.MjModel],
        data: list[mujoco.MjData],
        start: np.ndarray,
        control: np.ndarray,
        control_spec: int = _CONTROL,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return (batch, step, state) and (batch, step, sensor); ``control`` holds what ``control_spec`` names."""
        shape, m = control.shape[:2], models[0]
        states, sensed = np.empty((*shape, self._size)), np.empty((*shape, m.nsensordata))
        with self._one_at_a_time:
            # the pool's own checks would loop over every model of the batch in Python; the shapes are known here
            self._pool.rollout(
                models,
                data,
                start,
                control,
                control_spec=control_spec,
                skip_checks=True,
                nstep=shape[1],
                state=states,
                sensordata=sensed,
            )
        return states, sensed

    def _pack(self, time, qpos, qvel, activation) -> np.ndarray:
        """Return MuJoCo's full physics state, (batch, state)."""
        act = np.zeros((len(qpos), self._m.na))
        act[:, self._adr] = activation[:, self._with_state]
        return np.concatenate([time[:, None], qpos, qvel, act], axis=1)


def _choose(
    plain: mujoco.MjModel, altered: list[mujoco.MjModel], which: np.ndarray | None, batch: int
) -> list[mujoco.MjModel]:
    """Return the model of each body of a batch."""
    return [plain] * batch if which is None else list(map(altered.__getitem__, which.tolist()))


def _probe(m: mujoco.MjModel) -> mujoco.MjModel:
    """Return a copy whose step costs little beyond one forward pass."""
    probe = copy.copy(m)
    probe.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
    probe.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    return probe


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
        "body_pos": (kinds.mjSENS_FRAMEPOS, objects.mjOBJ_XBODY, model.body_names, (3,)),
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
