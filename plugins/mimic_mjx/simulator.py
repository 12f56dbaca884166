"""Batched physics with MJX."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Callable
from functools import cached_property

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

with contextlib.redirect_stdout(io.StringIO()):  # it prints that warp is missing, which most installations do without
    from mujoco import mjx

from mimic_core import BodyModel, ConfigError, Readings, SimState
from mimic_core.physics import substeps
from mimic_mjx.differentiable import differentiable_view, dynamics_of, left_out, soft_limit_torque, without_ground
from mimic_mjx.implicit import implicit_step, joint_stiffness, linearly_implicit_step, response
from mimic_mjx.lacking import refusal
from mimic_mjx.models import blank, differences, flatten_impedance, put, untouching, without_sensors
from mimic_mjx.settings import Settings
from mimic_mjx.smooth import Constants, SmoothDynamics
from mimic_mjx.tree import TreeDynamics, solve_positive
from mimic_mjx.unasked import silent_where_unasked
from mimic_variation import AlteredBodies


class MjxSimulator:
    """MuJoCo in JAX. Only qpos, qvel and activation pass from step to step, so that programs stay small.

    Args:
        config: of the simulator.
        model: the compiled body with its actuators.
        control_dt: s, what one control step lasts.
        differentiable: step the view of the body that gradients flow through, see `mimic_mjx.differentiable`.
        altered: bodies that differ from ``model``, which ``SimState.altered`` chooses among.

    Raises:
        ConfigError: an integrator is chosen for the differentiable view, which has its own, or a step of that view for
            the body's own physics, a control step is not a whole number of the body's time steps, or the body has what
            MJX does not know.
    """

    host_only = False

    def __init__(
        self,
        config: Settings,
        model: BodyModel,
        control_dt: float,
        differentiable: bool = False,
        altered: AlteredBodies | None = None,
    ) -> None:
        self.model = model
        self.control_dt = control_dt
        self.differentiable = differentiable
        if differentiable and config.integrator != "body":
            raise ConfigError(
                f"simulator.integrator: {config.integrator!r} is not for training by gradients, whose view of the body "
                "has a step of its own; leave it out"
            )

        if config.view_step_ms and not differentiable:
            raise ConfigError(
                "simulator.view_step_ms: is for the view that gradients see, but this is the body's own physics; "
                'leave it out, or train with simulator.view = "smooth"'
            )
        longest = 1e-3 * config.view_step_ms if config.view_step_ms else None

        def prepared(m: mujoco.MjModel) -> mujoco.MjModel:
            host = differentiable_view(m, control_dt, longest) if differentiable else copy.copy(m)
            if config.integrator != "body":
                host.opt.integrator = getattr(mujoco.mjtIntegrator, f"mjINT_{config.integrator.upper()}")
            flatten_impedance(host)
            return host

        own = without_sensors(model)
        host = prepared(own)
        way = dynamics_of(own, control_dt) if differentiable else "mjx"
        self.left_out = left_out(own, control_dt) if differentiable else []
        if differentiable and model.root is not None and (floor := without_ground(own, control_dt)):
            mend = "take that out of the model" if way == "mjx" else "give the model a plane to stand on"
            raise ConfigError(
                f"body {model.body.name}: gradients do not know {floor}, without which it falls; train with --policy "
                f"bottleneck_ppo, or {mend}"
            )
        self._substeps = substeps(control_dt, host.opt.timestep)
        seen = untouching if way == "smooth" else copy.copy  # contacts are not MJX's there, which knows few shapes
        try:
            self._m = put(seen(host))
        except NotImplementedError as e:
            raise ConfigError(refusal(host, model.body.name, e)) from e
        others = altered.models(own) if altered else ()
        self._differences = differences(self._m, (seen(prepared(m)) for m in others))
        self._blank = blank(seen(host))
        ids = np.array([host.joint(n).id for n in model.joint_names], int)
        self._limit = soft_limit_torque(host, ids) if differentiable else None
        self._tree = TreeDynamics(host) if way == "compact" else None
        self._smooth = SmoothDynamics(host, self._met, ids) if way == "smooth" else None
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
        if self.differentiable and self.model.root is not None:  # where it diverges, a task asks nothing
            return silent_where_unasked(self._stepped)(state, excitation)
        return self._stepped(state, excitation)

    def _stepped(self, state: SimState, excitation: Array | np.ndarray) -> SimState:
        if self._tree is not None and isinstance(state.force, tuple):
            return self._tree_step(state, excitation)
        if self._smooth is not None:
            return self._smooth_step(state, excitation)
        return jax.vmap(self._step)(state, excitation)

    def read(self, state: SimState, fields: frozenset[str]) -> Readings:
        """Read the named fields of `Readings` off a state."""
        if not fields & set(Readings._fields):
            return Readings()
        if self._tree is not None:
            return self._tree_read(state, fields)
        if self._smooth is not None:
            return self._smooth_read(state, fields)
        return jax.vmap(lambda s: self._read(s, fields))(state)

    def _model(self, state: SimState) -> mjx.Model:
        """The body that one environment is."""
        if not self._differences or isinstance(state.altered, tuple):
            return self._m
        leaves, structure = jax.tree.flatten(self._m)
        for i, values in self._differences.items():
            leaves[i] = values[state.altered]
        return structure.unflatten(leaves)

    def _fill(self, state: SimState, excitation: Array) -> mjx.Data:
        act = jnp.zeros(self._m.na).at[self._adr].set(state.activation[self._with_state])
        data = self._blank.replace(qpos=state.qpos, qvel=state.qvel, act=act, ctrl=excitation)
        if isinstance(state.force, tuple):
            return data
        return data.replace(xfrc_applied=data.xfrc_applied.at[self.model.body_ids].set(state.force))

    def _step(self, state: SimState, excitation: Array) -> SimState:
        m, data = self._model(state), self._fill(state, excitation)

        def substep(carry, _):
            qpos, qvel, act, warmstart = carry
            d = data.replace(qpos=qpos, qvel=qvel, act=act, qacc_warmstart=warmstart)
            d = self._advance(m, d)
            return (d.qpos, d.qvel, d.act, d.qacc_warmstart), None

        # the solver starts cold at each control step, as it does in the C engine's batched rollout
        carry = (data.qpos, data.qvel, data.act, data.qacc_warmstart)
        if self._substeps == 1:
            carry, _ = substep(carry, None)
        else:
            carry, _ = jax.lax.scan(substep, carry, None, length=self._substeps)
        qpos, qvel, act, _ = carry
        activation = excitation.at[self._with_state].set(act[self._adr])
        return SimState(state.time + self.control_dt, qpos, qvel, activation, altered=state.altered, force=state.force)

    def _advance(self, m: mjx.Model, d: mjx.Data) -> mjx.Data:
        """One physics step of the kind that the body's integrator and the view ask for."""
        if self._limit is not None:
            dofs = self.model.joint_dofadr
            limit = self._met(d.qpos[self.model.joint_qposadr], d.qvel[dofs])
            limit = limit * (m.dof_M0 / self._m.dof_M0)[dofs]  # as stiff as the joint's inertia asks for
            torque, stiffness, damping = jnp.zeros((3, m.nv)).at[:, dofs].set(limit)
            return linearly_implicit_step(m, d.replace(qfrc_applied=torque), stiffness, damping)
        if m.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST:
            return implicit_step(m, d)
        return mjx.step(m, d)

    def _met(self, joint_pos: Array, joint_vel: Array) -> Float[Array, "3 joint"]:
        """Torques of the soft limits, and their stiffness and damping."""
        (torque, _), *resisting = response(lambda *at: (self._limit(*at), ()), joint_pos, joint_vel)
        return jnp.stack([torque, *resisting])

    def _tree_step(self, state: SimState, excitation: Array) -> SimState:
        """The step of a body whose dynamics `TreeDynamics` knows: linearly implicit Euler (`mimic_mjx.implicit`)."""
        tree, h, dofs = self._tree, self._m.opt.timestep, self.model.joint_dofadr
        qpos, qvel, act = state.qpos.T, state.qvel.T, state.activation[:, self._with_state].T
        mass, inertia, damping, stiffer = self._tree_constants(state)
        unit, springs = jnp.eye(len(qvel))[..., None], joint_stiffness(self._m)[:, None]
        for _ in range(self._substeps):
            pose = tree.pose(qpos)
            length, moment = tree.transmission(pose, qpos)
            speed = (moment * qvel[None]).sum(1)
            (force, after), stiffness, damper = response(
                lambda *at, act=act: self._driven(state, excitation, *at, act), length, speed
            )
            at = qpos[self.model.joint_qposadr], qvel[dofs]
            limit = jax.vmap(self._met, in_axes=-1, out_axes=-1)(*at) * stiffer[dofs]
            own = jnp.stack([jnp.broadcast_to(a, qvel.shape) for a in (0.0, springs, damping)]).at[:, dofs].add(limit)
            inertial, bias = tree.inertia_and_bias(pose, qvel, mass, inertia)
            k = (moment[:, :, None] * (stiffness[:, None] * moment)[:, None]).sum(0) + unit * own[1]
            b = (moment[:, :, None] * (damper[:, None] * moment)[:, None]).sum(0) + unit * own[2]
            pull = (moment * force[:, None]).sum(0) + own[0] + tree.passive(qpos, qvel, damping) - bias
            acceleration = solve_positive(inertial + h * b + h**2 * k, pull - h * (k * qvel[None]).sum(1))
            act = after
            qvel = qvel + h * acceleration
            qpos = qpos + h * qvel
        activation = excitation.at[:, self._with_state].set(act.T)
        return SimState(state.time + self.control_dt, qpos.T, qvel.T, activation, altered=state.altered)

    def _tree_read(self, state: SimState, fields: frozenset[str]) -> Readings:
        tree, model, qpos = self._tree, self.model, state.qpos.T
        pose = tree.pose(qpos)
        found = {"site_pos": tree.sites(pose, model.keypoint_site_ids), "body_pos": pose.position[model.body_ids]}
        if fields & {"joint_force", "muscle_force", "muscle_length", "muscle_velocity"}:
            length, moment = tree.transmission(pose, qpos)
            speed = (moment * state.qvel.T[None]).sum(1)
            # an actuator without a state of its own gets its excitation, which is its activation
            force, _ = self._driven(state, state.activation, length, speed, state.activation[:, self._with_state].T)
            muscles = model.muscle_ids
            found |= {
                "joint_force": (moment * force[:, None]).sum(0)[model.joint_dofadr],
                "muscle_force": -force[muscles],
                "muscle_length": length[muscles],
                "muscle_velocity": speed[muscles],
            }
        return Readings(**{k: jnp.moveaxis(v, -1, 0) for k, v in found.items() if k in fields})

    def _smooth_step(self, state: SimState, excitation: Array) -> SimState:
        """The step of a body whose dynamics `SmoothDynamics` knows."""
        constants = self._smooth_constants(state)

        def substep(carry, _):
            qpos, qvel, act = carry

            def driven(length: Array, speed: Array):
                return self._driven(state, excitation, length, speed, act)

            return self._smooth.step(qpos, qvel, driven, constants), None

        carry = state.qpos.T, state.qvel.T, state.activation[:, self._with_state].T
        if self._substeps == 1:
            carry, _ = substep(carry, None)
        else:
            carry, _ = jax.lax.scan(substep, carry, None, length=self._substeps)
        qpos, qvel, act = carry
        activation = excitation.at[:, self._with_state].set(act.T)
        return SimState(
            state.time + self.control_dt, qpos.T, qvel.T, activation, altered=state.altered, force=state.force
        )

    def _smooth_constants(self, state: SimState) -> Constants:
        mass, inertia, damping, stiffer = self._tree_constants(state)
        dofs = self.model.joint_dofadr
        varied = self._differences and not isinstance(state.altered, tuple)
        of_ground = self._smooth.ground.parameters
        ground = jax.vmap(lambda s: of_ground(self._model(s)), out_axes=-1)(state) if varied else of_ground(self._m)
        if varied:  # of each body one column
            ground = tuple(a[:, 0] for a in ground)
        pushes = None
        if not isinstance(state.force, tuple):
            pushes = (
                jnp.zeros((self._m.nbody, 6, len(state.time)))
                .at[self.model.body_ids]
                .set(state.force.transpose(1, 2, 0))
            )
        return Constants(mass, inertia, damping, stiffer[dofs], ground, pushes)

    def _smooth_read(self, state: SimState, fields: frozenset[str]) -> Readings:
        smooth, model, m = self._smooth, self.model, self._smooth.model
        frames = smooth.tree.frames(state.qpos.T)
        keypoints = model.keypoint_site_ids
        found = {
            "site_pos": smooth.tree.points(frames, m.site_bodyid[keypoints], m.site_pos[keypoints]),
            "body_pos": frames.position[model.body_ids],
        }
        if fields & {"joint_force", "muscle_force", "muscle_length", "muscle_velocity"}:
            length, speed, moment = smooth.actuators(frames, state.qpos.T, state.qvel.T)
            force, _ = self._driven(state, state.activation, length, speed, state.activation[:, self._with_state].T)
            muscles = model.muscle_ids
            found |= {
                "joint_force": smooth.on_joints(moment, force)[model.joint_dofadr],
                "muscle_force": -force[muscles],
                "muscle_length": length[muscles],
                "muscle_velocity": speed[muscles],
            }
        return Readings(**{k: jnp.moveaxis(v, -1, 0) for k, v in found.items() if k in fields})

    def _tree_constants(self, state: SimState) -> tuple[Array, Array, Array, Array]:
        """Masses, inertias, damping, and how much stiffer a soft limit is, of each body (…, batch or 1)."""
        plain = self._m

        def of(m: mjx.Model) -> tuple[Array, ...]:
            return m.body_mass, m.body_inertia, m.dof_damping, m.dof_M0 / plain.dof_M0

        if not self._differences or isinstance(state.altered, tuple):
            return tuple(jnp.asarray(a)[..., None] for a in of(plain))
        return jax.vmap(lambda s: of(self._model(s)), out_axes=-1)(state)

    @cached_property
    def _driven(self) -> Callable:
        """``(state, excitation, length, speed, act)`` → forces of the actuators (actuator, batch) and their next
        activations, as MJX computes both.

        It is a program within the program, so that JAX traces it once, however often it is differentiated.
        """

        def one(state: SimState, excitation: Array, length: Array, speed: Array, act: Array):
            m = self._model(state)
            d = self._fill(state, excitation).replace(
                act=jnp.zeros(m.na).at[self._adr].set(act), actuator_length=length
            )
            d = d.tree_replace({"_impl.actuator_velocity": speed})
            d = mjx.fwd_actuation(m, d)
            low, high = jnp.where(m.actuator_actlimited[:, None], m.actuator_actrange, jnp.array([-jnp.inf, jnp.inf])).T
            after = jnp.clip(
                d.act[self._adr] + m.opt.timestep * d.act_dot[self._adr], low[self._with_state], high[self._with_state]
            )
            return d.actuator_force, after

        return jax.jit(jax.vmap(one, in_axes=(0, 0, -1, -1, -1), out_axes=-1))

    def _read(self, state: SimState, fields: frozenset[str]) -> Readings:
        model, m, found = self.model, self._model(state), {}
        d = mjx.kinematics(m, self._fill(state, state.activation))
        found |= {"site_pos": d.site_xpos[model.keypoint_site_ids], "body_pos": d.xpos[model.body_ids]}
        if fields & {"joint_force", "muscle_force", "muscle_length", "muscle_velocity"}:
            for stage in (mjx.com_pos, mjx.tendon, mjx.transmission):
                d = stage(m, d)
            velocity = d._impl.actuator_moment @ d.qvel
            d = mjx.fwd_actuation(m, d.tree_replace({"_impl.actuator_velocity": velocity}))
            muscles = model.muscle_ids
            found |= {
                "joint_force": d.qfrc_actuator[model.joint_dofadr],
                "muscle_force": -d.actuator_force[muscles],
                "muscle_length": d.actuator_length[muscles],
                "muscle_velocity": velocity[muscles],
            }
        return Readings(**{k: v for k, v in found.items() if k in fields})
