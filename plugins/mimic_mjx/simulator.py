"""Batched physics with MJX."""

from __future__ import annotations

import contextlib
import copy
import io

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

with contextlib.redirect_stdout(io.StringIO()):  # it prints that warp is missing, which most installations do without
    from mujoco import mjx

from mimic_core import BodyModel, Readings, SimState
from mimic_core.simulator import substeps
from mimic_mjx.differentiable import differentiable_view, soft_limit_torque


class MjxSimulator:
    """MuJoCo in JAX. Only qpos, qvel and activation pass from step to step, so that programs stay small."""

    def __init__(self, config, model: BodyModel, control_dt: float, differentiable: bool = False) -> None:
        self.model = model
        self.control_dt = control_dt
        self.differentiable = differentiable
        host = differentiable_view(model.mj_model, control_dt) if differentiable else copy.copy(model.mj_model)
        if config.integrator != "body":
            host.opt.integrator = getattr(mujoco.mjtIntegrator, f"mjINT_{config.integrator.upper()}")
        _flatten_impedance(host)
        self._substeps = substeps(control_dt, host.opt.timestep)
        # named, since MJX would take its warp backend, which has no gradients, where warp-lang is installed
        self._m = mjx.put_model(host, impl="jax")
        self._blank = mjx.make_data(host, impl="jax")
        ids = np.array([host.joint(n).id for n in model.joint_names])
        self._limit = soft_limit_torque(host, ids) if differentiable else None
        self._with_state = np.flatnonzero(host.actuator_actadr >= 0)
        self._adr = host.actuator_actadr[self._with_state]

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
        return jax.vmap(self._step)(state, excitation)

    def read(self, state: SimState, fields: frozenset[str]) -> Readings:
        """Read the named fields of `Readings` off a state."""
        if not fields & set(Readings._fields):
            return Readings()
        return jax.vmap(lambda s: self._read(s, fields))(state)

    def _fill(self, state: SimState, excitation: Array) -> mjx.Data:
        act = jnp.zeros(self._m.na).at[self._adr].set(state.activation[self._with_state])
        return self._blank.replace(qpos=state.qpos, qvel=state.qvel, act=act, ctrl=excitation)

    def _step(self, state: SimState, excitation: Array) -> SimState:
        data = self._fill(state, excitation)

        def substep(carry, _):
            qpos, qvel, act, warmstart = carry
            d = data.replace(qpos=qpos, qvel=qvel, act=act, qacc_warmstart=warmstart)
            if self._limit is not None:
                q, v = qpos[self.model.joint_qposadr], qvel[self.model.joint_dofadr]
                d = d.replace(qfrc_applied=d.qfrc_applied.at[self.model.joint_dofadr].set(self._limit(q, v)))
            d = mjx.step(self._m, d)
            return (d.qpos, d.qvel, d.act, d.qacc_warmstart), None

        # the solver starts cold at each control step, as it does in the C engine's batched rollout
        carry = (data.qpos, data.qvel, data.act, data.qacc_warmstart)
        if self._substeps == 1:
            carry, _ = substep(carry, None)
        else:
            carry, _ = jax.lax.scan(substep, carry, None, length=self._substeps)
        qpos, qvel, act, _ = carry
        activation = excitation.at[self._with_state].set(act[self._adr])
        return SimState(state.time + self.control_dt, qpos, qvel, activation)

    def _read(self, state: SimState, fields: frozenset[str]) -> Readings:
        model, found = self.model, {}
        d = mjx.kinematics(self._m, self._fill(state, state.activation))
        found["site_pos"] = d.site_xpos[model.keypoint_site_ids]
        if fields & {"joint_force", "muscle_force", "muscle_length", "muscle_velocity"}:
            for stage in (mjx.com_pos, mjx.tendon, mjx.transmission):
                d = stage(self._m, d)
            velocity = d._impl.actuator_moment @ d.qvel
            d = mjx.fwd_actuation(self._m, d.tree_replace({"_impl.actuator_velocity": velocity}))
            muscles = model.muscle_ids
            found |= {
                "joint_force": d.qfrc_actuator[model.joint_dofadr],
                "muscle_force": -d.actuator_force[muscles],
                "muscle_length": d.actuator_length[muscles],
                "muscle_velocity": velocity[muscles],
            }
        return Readings(**{k: v for k, v in found.items() if k in fields})


def _flatten_impedance(host: mujoco.MjModel) -> None:
    """Make MJX treat the impedance of a joint limit of zero width as MuJoCo in C does.

    For a width of 0 in ``solimp``, C takes the mean of the two end values as the impedance and the second as d_max in
    k = 1/(d_max·τ·ζ)², b = 2/(d_max·τ); MJX takes the second for both, and a limb that touches a limit is off by
    2e-3 rad after 0.3 s. Both ends are set to the mean, and τ is scaled so that k and b stay what they were.
    """
    flat = (host.jnt_solimp[:, 2] <= mujoco.mjMINVAL) & (host.jnt_solref[:, 0] > 0)
    d_max = host.jnt_solimp[flat, 1].copy()
    mean = 0.5 * (host.jnt_solimp[flat, 0] + d_max)
    host.jnt_solref[flat, 0] *= d_max / mean
    host.jnt_solimp[flat, 0] = mean
    host.jnt_solimp[flat, 1] = mean
