"""A step of a body of any size with the contacts, couplings and limits that it has, smooth in everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_mjx.fluid import Fluid, ellipsoids
from mimic_mjx.ground import Ground
from mimic_mjx.implicit import response
from mimic_mjx.rows import State, added_up, all_rows, not_kept
from mimic_mjx.spatial import Frames, SpatialTree
from mimic_mjx.tendons import Tendons, Transmission, resisting
from mimic_mjx.vectors import cross

_KINDS = mujoco.mjtJoint


def unknown(m: mujoco.MjModel) -> list[str]:
    """Return what a model's motion depends on that `SmoothDynamics` does not know."""
    of, enum = mujoco.mjtEq, mujoco
    dyn = [int(getattr(enum.mjtDyn, f"mjDYN_{k}")) for k in ("NONE", "INTEGRATOR", "FILTER", "FILTEREXACT", "MUSCLE")]
    gain = [int(getattr(enum.mjtGain, f"mjGAIN_{k}")) for k in ("FIXED", "AFFINE", "MUSCLE")]
    bias = [int(getattr(enum.mjtBias, f"mjBIAS_{k}")) for k in ("NONE", "AFFINE", "MUSCLE")]
    pulls = [int(getattr(enum.mjtTrn, f"mjTRN_{k}")) for k in ("JOINT", "JOINTINPARENT", "TENDON", "SITE")]
    single = np.isin(m.jnt_type, (int(_KINDS.mjJNT_HINGE), int(_KINDS.mjJNT_SLIDE)))
    on_joints = m.actuator_trnid[np.isin(m.actuator_trntype, pulls[:2]), 0]
    reference = m.actuator_trnid[m.actuator_trntype == pulls[3], 1]
    kept = [int(k) for k in (of.mjEQ_JOINT, of.mjEQ_TENDON, of.mjEQ_CONNECT, of.mjEQ_WELD)]
    switches = ~int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT | mujoco.mjtDisableBit.mjDSBL_FILTERPARENT
                    | mujoco.mjtDisableBit.mjDSBL_WARMSTART | mujoco.mjtDisableBit.mjDSBL_EULERDAMP
                    | mujoco.mjtDisableBit.mjDSBL_AUTORESET | mujoco.mjtDisableBit.mjDSBL_SENSOR)  # fmt: skip
    found = {
        "no joints": m.nv == 0,
        "springs of ball and free joints": m.jnt_stiffness[~single] != 0,
        "limits of ball joints": m.jnt_limited[~single] != 0,
        "springs and dampers that are polynomials": [
            np.any(a) for a in (m.jnt_stiffnesspoly, m.dof_dampingpoly, m.tendon_stiffnesspoly, m.tendon_dampingpoly)
        ],
        "tendons with armature": m.tendon_armature != 0,
        "force ranges of tendons": m.tendon_actfrclimited != 0,
        "actuators with damping or armature of their own": [
            np.any(a) for a in (m.actuator_damping, m.actuator_dampingpoly, m.actuator_armature)
        ],
        "actuators with a delay": m.actuator_delay != 0,
        "actuators on ball and free joints": ~single[on_joints],
        "actuators with a reference site": reference >= 0,
        "actuators on something else than joints, tendons and sites": ~np.isin(m.actuator_trntype, pulls),
        "actuators by a plugin or callback": ~(
            np.isin(m.actuator_dyntype, dyn) & np.isin(m.actuator_gaintype, gain) & np.isin(m.actuator_biastype, bias)
        ),
        "constraints of meshes and flexible parts": m.eq_active0.astype(bool) & ~np.isin(m.eq_type, kept),
        "flexible parts": m.nflex > 0,
        "switches": m.opt.disableflags & switches != 0,
        "the ellipsoid model of fluid": ellipsoids(m),
        "compensated gravity": m.body_gravcomp != 0,
        "adhesion of geoms": [np.any(m.geom_adhesion), np.any(m.pair_adhesion)],
        "moving surfaces": np.any(m.geom_surfacevel),
    }
    return [what for what, there in found.items() if np.any(there)]


def left_out(m: mujoco.MjModel) -> list[str]:
    """Return what `SmoothDynamics` does without though a model has it."""
    lost = []
    if pairs := not_kept(m):
        kinds = {tuple(sorted(_kind(m, g) for g in (t.geom1, t.geom2))) for t in pairs}
        what = ", ".join(" with ".join(k) for k in sorted(kinds))
        lost.append(f"contacts of {what} ({len(pairs)} pairs of geoms)")
    return lost


def _kind(m: mujoco.MjModel, geom: int) -> str:
    return mujoco.mjtGeom(m.geom_type[geom]).name.removeprefix("mjGEOM_").lower()


class Constants(NamedTuple):
    """What a step takes a body to be; the last axis of every array is the batch, or 1."""

    mass: Array
    """(body, b) kg"""
    inertia: Array
    """(body, 3, b) kg·m², about the principal axes"""
    damping: Array
    """(dof, b) N·m·s"""
    stiffer: Array
    """(joint, b) by how much stiffer joint limits are than the body's own"""
    ground: tuple[Array, ...]
    """see `Ground.parameters`"""
    pushes: Array | None
    """(body, 6, b) a force (N) on each body's centre of mass, then a torque (N·m)"""


class SmoothDynamics:
    """Linearly implicit Euler steps (`mimic_mjx.implicit`) of a tree, whose constraints are `mimic_mjx.compliance`'s.

    Args:
        m: the differentiable view of the body, on the host.
        limit: ``limit(joint_pos, joint_vel) -> (torque, stiffness, damping)`` of the joints' limits.
        joints: numbers of the hinges and slides.
    """

    def __init__(self, m: mujoco.MjModel, limit: Callable, joints: np.ndarray) -> None:
        self.model, self._m, self._limit, self._h = m, m, limit, float(m.opt.timestep)
        self.tree = SpatialTree(m)
        self.ground = Ground(m, self.tree)
        self._fluid = Fluid(m, self.tree)
        self._rows = all_rows(m, self.tree)
        self._tendons = Tendons(m, self.tree)
        self._transmission = Transmission(m, self.tree)
        self._dofs, self._qposadr = m.jnt_dofadr[joints], m.jnt_qposadr[joints]
        springs = np.isin(m.jnt_type, (int(_KINDS.mjJNT_HINGE), int(_KINDS.mjJNT_SLIDE))) & (m.jnt_stiffness != 0)
        self._springs = np.flatnonzero(springs)
        clipped = np.flatnonzero(m.jnt_actfrclimited)
        self._clipped, self._range = m.jnt_dofadr[clipped], m.jnt_actfrcrange[clipped]

    def actuators(self, frames: Frames, qpos: Array, qvel: Array) -> tuple[Array, Array, Array]:
        """Return length, speed (actuator, b) and moment (actuator, nv, b) of the actuators."""
        length, moment = self._transmission(frames, qpos, *self._tendons(frames, qpos))
        return length, (moment * qvel[None]).sum(1), moment

    def on_joints(self, moment: Array, force: Array) -> Float[Array, "nv b"]:
        """Return the joint forces of actuators, kept within the joints' own ranges."""
        pull = (moment * force[:, None]).sum(0)
        if self._clipped.size:
            low, high = self._range[:, 0, None], self._range[:, 1, None]
            pull = pull.at[self._clipped].set(jnp.clip(pull[self._clipped], low, high))
        return pull

    def step(
        self,
        qpos: Float[Array, "nq b"],
        qvel: Float[Array, "nv b"],
        driven: Callable[[Array, Array], tuple[Array, Array]],
        of: Constants,
    ) -> tuple[Array, Array, Any]:
        """Advance by one time step; return qpos, qvel and what ``driven`` gives beside the actuators' forces.

        Args:
            driven: ``driven(length, speed) -> (force, more)`` of the actuators, both (actuator, b).
            of: what the body is.
        """
        tree, h = self.tree, self._h
        frames = tree.frames(qpos)
        ten_length, ten_moment = self._tendons(frames, qpos)
        length, moment = self._transmission(frames, qpos, ten_length, ten_moment)
        speed = (moment * qvel[None]).sum(1)
        (force, more), stiffness, damper = response(driven, length, speed)
        pull = self.on_joints(moment, force) - tree.bias(frames, qvel, of.mass, of.inertia)
        total = resisting(moment, stiffness, damper, h)
        stiff = moment * (stiffness * speed)[:, None]
        pull = pull - h * stiff.sum(0)

        own = self._joints(qpos, qvel, of.damping, of.stiffer)
        pull = pull + own[0] - h * own[1] * qvel
        diagonal = self._m.dof_armature[:, None] + h * own[2] + h**2 * own[1]
        total = total + np.eye(len(qvel))[..., None] * diagonal[:, None]

        if self._tendons.resist:
            ten_speed = (ten_moment * qvel[None]).sum(1)
            force, k, b = self._tendons.passive(ten_length, ten_speed)
            pull = pull + (ten_moment * (force - h * k * ten_speed)[:, None]).sum(0)
            total = total + resisting(ten_moment, k, b, h)
        if self._rows:
            state = State(self._m, qpos, qvel, frames, ten_length, ten_moment, h)
            force, falls = added_up(self._rows, state)
            pull, total = pull + force, total + falls
        if of.pushes is not None:
            pull = pull + self._pushed(frames, of.pushes)
        motion = tree.motion(frames, qvel) if len(self.ground) or len(self._fluid) else None
        if len(self._fluid):
            pull = pull + tree.on_joints(frames, self._fluid.body, self._fluid.forces(frames, motion))
        touched = None
        if len(self.ground):
            wrench, falls = self.ground.forces(frames, motion, of.ground, h)
            pull = pull + tree.on_joints(frames, self.ground.body, wrench)
            touched = self.ground.body, falls
        total = total + tree.inertia(frames, of.mass, of.inertia, touched)
        acceleration = _solved(total, pull)
        qvel = qvel + h * acceleration
        return tree.advanced(qpos, qvel, h), qvel, more

    def _joints(self, qpos: Array, qvel: Array, damping: Array, stiffer: Array) -> Float[Array, "3 nv b"]:
        """Forces of the joints' springs, dampers and limits, their stiffness and their damping."""
        m, s = self._m, self._springs
        damping = jnp.broadcast_to(damping, qvel.shape)
        own = jnp.stack([-damping * qvel, jnp.zeros_like(qvel), damping])
        if s.size:
            k, dofs, adr = m.jnt_stiffness[s][:, None], m.jnt_dofadr[s], m.jnt_qposadr[s]
            own = own.at[0, dofs].add(-k * (qpos[adr] - m.qpos_spring[adr][:, None])).at[1, dofs].add(k)
        if self._dofs.size:
            met = jax.vmap(self._limit, in_axes=-1, out_axes=-1)(qpos[self._qposadr], qvel[self._dofs])
            own = own.at[:, self._dofs].add(met * stiffer)
        return own

    def _pushed(self, frames: Frames, pushes: Float[Array, "body 6 b"]) -> Float[Array, "nv b"]:
        """Joint forces of a force on each body's centre of mass and a torque, as `SimState.force` has them."""
        m, bodies = self._m, np.arange(self._m.nbody)
        arm = self.tree.points(frames, bodies, m.body_ipos) - frames.center[None]
        force, torque = pushes[:, :3], pushes[:, 3:]
        return self.tree.on_joints(frames, bodies, jnp.concatenate([torque + cross(arm, force), force], axis=1))


def _solved(a: Float[Array, "n n b"], y: Float[Array, "n b"]) -> Float[Array, "n b"]:
    """Solve a·x = y for symmetric positive definite a; its derivative is another solution with the same factors."""
    a = jnp.transpose(a, (2, 0, 1))
    factors = jax.scipy.linalg.cho_factor(jax.lax.stop_gradient(a))

    def product(x: Array) -> Array:
        return jnp.matmul(a, x[..., None], precision="highest")[..., 0]

    def solve(_: Callable, y: Array) -> Array:
        return jax.scipy.linalg.cho_solve(factors, y[..., None])[..., 0]

    return jax.lax.custom_linear_solve(product, y.T, solve, symmetric=True).T
