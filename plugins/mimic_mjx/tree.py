"""The dynamics of a tree of hinges and slides driven along straight lines, written so that they compile fast.

MJX handles every body that MuJoCo knows, one kinematic level after the other; for a limb of a few joints the program
that reverse mode makes of it is large, and compiling it takes longer than training. `TreeDynamics` computes the same
unconstrained dynamics from the Jacobians of all bodies at once. It serves the differentiable view, where
constraints are off; what it does not know (`unsupported`) goes to MJX.

Arrays have the batch as their last axis, since short axes (xyz, joints) in that place would leave a processor's vector
units idle.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_mjx.vectors import cross, cross_matrix, matrix

_MAX_DOFS = 24
"""products of all bodies with all pairs of joints are formed; with more joints MJX's recursion is cheaper"""
_TINY = 1e-24


def unsupported(m: mujoco.MjModel) -> str | None:
    """Return what about a model `TreeDynamics` does not know, or None."""
    joints, wraps = mujoco.mjtJoint, mujoco.mjtWrap
    tendons = m.actuator_trntype == int(mujoco.mjtTrn.mjTRN_TENDON)
    hinged = m.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)
    reasons = {
        "joints that are neither hinge nor slide": ~np.isin(
            m.jnt_type, (int(joints.mjJNT_HINGE), int(joints.mjJNT_SLIDE))
        ),
        f"more than {_MAX_DOFS} joints": m.nv > _MAX_DOFS,
        "no joints": m.nv == 0,
        "tendons that wrap around surfaces, over pulleys or along joints": m.wrap_type != int(wraps.mjWRAP_SITE),
        "tendons with springs or dampers": (m.tendon_stiffness != 0)
        | (m.tendon_damping != 0)
        | (m.tendon_armature != 0),
        "actuators on something else than joints and tendons": ~(tendons | hinged),
        "actuators whose activation is more than a filter": ~np.isin(
            m.actuator_dyntype, [int(getattr(mujoco.mjtDyn, f"mjDYN_{k}")) for k in ("NONE", "FILTER", "MUSCLE")]
        ),
        "switches": m.opt.disableflags & ~int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT) != 0,
        "another integrator than Euler": m.opt.integrator != mujoco.mjtIntegrator.mjINT_EULER,
        "fluid": (m.opt.density != 0) | (m.opt.viscosity != 0) | np.any(m.opt.wind != 0),
        "compensated gravity": m.body_gravcomp != 0,
    }
    return next((what for what, there in reasons.items() if np.any(there)), None)


class Pose(NamedTuple):
    """Where everything is; the last axis of every array is the batch."""

    rotation: Array
    """(body, 3, 3) of the body frames"""
    position: Array
    """(body, 3) m, of the body frames"""
    axis: Array
    """(dof, 3) of the joints, in the world"""
    anchor: Array
    """(dof, 3) m, of the joints"""


class TreeDynamics:
    """Unconstrained dynamics of a model that `unsupported` has nothing against.

    Featherstone 2008, *Rigid Body Dynamics Algorithms*, chapter 6 gives M = Σ_b J_bᵀ I_b J_b; the bias force follows
    from the accelerations that the bodies have with no joint accelerating.
    """

    def __init__(self, m: mujoco.MjModel) -> None:
        self._m = m
        self._hinge = (m.jnt_type == int(mujoco.mjtJoint.mjJNT_HINGE))[:, None, None]
        self._massive = np.flatnonzero(m.body_mass > 0)
        moves = _ancestry(m)
        self._moves = moves[self._massive].astype(float)
        """(massive body, dof) 1 where the joint moves the body"""
        before = np.stack([moves[m.jnt_bodyid[j]] & (np.arange(m.nv) < j) for j in range(m.nv)])
        self._before = before.astype(float)
        """(dof, dof) 1 where the second joint moves the first"""
        self._path = _Path(m, moves) if m.ntendon else None

    # -- kinematics -------------------------------------------------------------------------------------------

    def pose(self, qpos: Float[Array, "nq b"]) -> Pose:
        """Compute where bodies and joints are (MuJoCo documentation, "Computation: Forward kinematics")."""
        m, batch = self._m, qpos.shape[-1]
        turn = qpos - m.qpos0[:, None]
        k = np.stack([cross_matrix(a) for a in m.jnt_axis])
        sin, cos = jnp.sin(turn)[:, None, None], jnp.cos(turn)[:, None, None]
        own = np.eye(3)[..., None] + sin * k[..., None] + (1.0 - cos) * (k @ k)[..., None]
        rotation = [jnp.broadcast_to(np.eye(3)[..., None], (3, 3, batch))]
        position = [jnp.zeros((3, batch))]
        axis, anchor = [], []
        for body in range(1, m.nbody):
            parent = m.body_parentid[body]
            r = _times_constant(rotation[parent], matrix(m.body_quat[body]))
            p = position[parent] + _apply(rotation[parent], m.body_pos[body])
            for j in range(m.body_jntadr[body], m.body_jntadr[body] + m.body_jntnum[body]):
                axis.append(_apply(r, m.jnt_axis[j]))
                anchor.append(p + _apply(r, m.jnt_pos[j]))
                if self._hinge[j]:
                    r = _times(r, own[j])
                    p = anchor[-1] - _apply(r, m.jnt_pos[j])
                else:
                    p = p + axis[-1] * turn[j]
            rotation.append(r)
            position.append(p)
        return Pose(*(jnp.stack(x) for x in (rotation, position, axis, anchor)))

    def sites(self, pose: Pose, ids: np.ndarray) -> Float[Array, "site 3 b"]:
        """Return where the sites with these numbers are."""
        return self._at(pose, self._m.site_bodyid[ids], self._m.site_pos[ids])

    @staticmethod
    def _at(pose: Pose, body: np.ndarray, local: np.ndarray) -> Float[Array, "point 3 b"]:
        """Return where points are that have coordinates ``local`` (point, 3) in the frames of their bodies."""
        return pose.position[body] + _apply_each(pose.rotation[body], local)

    def _jacobian(self, pose: Pose, points: Array, moves: np.ndarray) -> Array:
        """(point, dof, 3, b) velocity of points per joint velocity; ``moves`` says which joints move which point."""
        arm = points[:, None] - pose.anchor[None]
        axis = jnp.broadcast_to(pose.axis[None], arm.shape)
        return moves[..., None, None] * jnp.where(self._hinge[None] > 0, cross(axis, arm), axis)

    # -- forces -----------------------------------------------------------------------------------------------

    def inertia_and_bias(
        self, pose: Pose, qvel: Float[Array, "nv b"], mass: Array, inertia: Array
    ) -> tuple[Float[Array, "nv nv b"], Float[Array, "nv b"]]:
        """Return the joint-space inertia (with armature) and the force of gravity, centrifugal and Coriolis terms.

        Args:
            mass: (body, b or 1) kg.
            inertia: (body, 3, b or 1) kg·m², about the principal axes.
        """
        m, heavy = self._m, self._massive
        mass, inertia = mass[heavy], inertia[heavy]
        r = pose.rotation[heavy]
        com = pose.position[heavy] + _apply_each(r, m.body_ipos[heavy])
        principal = np.stack([matrix(q) for q in m.body_iquat[heavy]])
        frame = (r[:, :, :, None] * principal[:, None, ..., None]).sum(2)
        linear = self._jacobian(pose, com, self._moves)
        spin = self._hinge * pose.axis
        angular = self._moves[..., None, None] * spin[None]
        local = (frame[:, None] * angular[..., :, None, :]).sum(-3)  # Rᵀ·axis, in the principal axes
        weighted = mass[:, None, None] * linear
        turning = inertia[:, None] * local
        full = (weighted[:, :, None] * linear[:, None] + turning[:, :, None] * local[:, None]).sum((0, 3))
        full = full + (np.eye(m.nv) * m.dof_armature)[..., None]

        v = qvel[:, None]
        spin_before = (self._before[..., None, None] * (spin * v)[None]).sum(1)  # (dof, 3, b) ω of the joint's carrier
        carried = self._jacobian(pose, pose.anchor, self._before)
        anchor_vel = (carried * v[None]).sum(1)
        axis_rate = cross(spin_before, pose.axis)
        com_vel = (linear * v[None]).sum(1)
        arm, arm_rate = com[:, None] - pose.anchor[None], com_vel[:, None] - anchor_vel[None]
        rate = jnp.broadcast_to(axis_rate[None], arm.shape)
        swinging = cross(rate, arm) + cross(jnp.broadcast_to(pose.axis[None], arm.shape), arm_rate)
        own = self._moves[..., None, None] * v[None]
        drift = (own * jnp.where(self._hinge[None] > 0, swinging, rate)).sum(1)
        spin_drift = (own * (self._hinge * axis_rate)[None]).sum(1)
        omega = (angular * v[None]).sum(1)
        omega_local = (frame * omega[:, :, None]).sum(1)
        drift_local = (frame * spin_drift[:, :, None]).sum(1)
        moment = inertia * drift_local + cross(omega_local, inertia * omega_local)
        gravity = np.array(m.opt.gravity)[None, :, None]
        bias = (weighted * (drift - gravity)[:, None]).sum((0, 2)) + (local * moment[:, None]).sum((0, 2))
        return full, bias

    def tendons(self, pose: Pose) -> tuple[Float[Array, "tendon b"], Float[Array, "tendon nv b"]]:
        """Return lengths and moment arms dL/dq of the tendons."""
        path, batch = self._path, pose.position.shape[-1]
        if path is None:
            return jnp.zeros((0, batch)), jnp.zeros((0, self._m.nv, batch))
        sites = self._at(pose, path.body, path.local)
        steps = sites[path.to] - sites[path.start]
        lengths = jnp.sqrt((steps**2).sum(1) + _TINY)
        unit = steps / lengths[:, None]
        speed = self._jacobian(pose, sites, path.moves)
        moment = ((speed[path.to] - speed[path.start]) * unit[:, None]).sum(2)
        return path.per_tendon(lengths), path.per_tendon(moment)

    def transmission(self, pose: Pose, qpos: Array) -> tuple[Float[Array, "nu b"], Float[Array, "nu nv b"]]:
        """Return lengths and moments of the actuators, the gear of each included."""
        m = self._m
        lengths, moments = self.tendons(pose)
        which, gear = m.actuator_trnid[:, 0], m.actuator_gear[:, 0]
        joint = m.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)
        length, moment = [], []
        for i in range(m.nu):
            if joint[i]:
                length.append(gear[i] * qpos[which[i]])
                moment.append(jnp.broadcast_to(gear[i] * np.eye(m.nv)[which[i]][:, None], (m.nv, qpos.shape[-1])))
            else:
                length.append(gear[i] * lengths[which[i]])
                moment.append(gear[i] * moments[which[i]])
        return jnp.stack(length), jnp.stack(moment)

    def passive(self, qpos: Array, qvel: Array, damping: Array) -> Float[Array, "nv b"]:
        """Return the force of the joints' springs and dampers; ``damping`` is (dof, b or 1) N·m·s."""
        m = self._m
        return -m.jnt_stiffness[:, None] * (qpos - m.qpos_spring[:, None]) - damping * qvel


class _Path:
    """The sites that tendons pass, as arrays over sites and over the straight pieces between them."""

    def __init__(self, m: mujoco.MjModel, moves: np.ndarray) -> None:
        site = m.wrap_objid
        self.body, self.local = m.site_bodyid[site], m.site_pos[site]
        self.moves = moves[self.body].astype(float)
        starts = [
            (first + i, t)
            for t, (first, n) in enumerate(zip(m.tendon_adr, m.tendon_num, strict=True))
            for i in range(n - 1)
        ]
        self.start, tendon = np.array(starts).T
        self.to = self.start + 1
        self._member = (tendon == np.arange(m.ntendon)[:, None]).astype(float)

    def per_tendon(self, pieces: Array) -> Array:
        """Sum over the pieces of each tendon."""
        return jnp.tensordot(self._member, pieces, 1, precision="highest")


def solve_positive(a: Float[Array, "n n b"], y: Float[Array, "n b"]) -> Float[Array, "n b"]:
    """Solve a·x = y for symmetric positive definite a by Cholesky's method, one column at a time over the batch."""
    n, factor, rest = len(y), [], a
    for _ in range(n):
        column = rest[:, 0] / jnp.sqrt(rest[0, 0])
        factor.append(column)
        rest = rest[1:, 1:] - column[1:, None] * column[None, 1:]
    for k in range(n):
        y = y.at[k].divide(factor[k][0])
        y = y.at[k + 1 :].add(-factor[k][1:] * y[k])
    for k in reversed(range(n)):
        y = y.at[k].set((y[k] - (factor[k][1:] * y[k + 1 :]).sum(0)) / factor[k][0])
    return y


def _ancestry(m: mujoco.MjModel) -> np.ndarray:
    """(body, dof) True where the joint moves the body."""
    moves = np.zeros((m.nbody, m.nv), bool)
    for body in range(1, m.nbody):
        moves[body] = moves[m.body_parentid[body]]
        first = m.body_jntadr[body]
        moves[body, first : first + m.body_jntnum[body]] = True
    return moves


def _times(a: Float[Array, "3 3 b"], c: Array | np.ndarray) -> Float[Array, "3 3 b"]:
    return (a[:, :, None] * c[None]).sum(1)


def _times_constant(a: Float[Array, "3 3 b"], c: np.ndarray) -> Float[Array, "3 3 b"]:
    return a if np.array_equal(c, np.eye(3)) else _times(a, c[..., None])


def _apply(a: Float[Array, "3 3 b"], v: np.ndarray) -> Float[Array, "3 b"]:
    return (a * v[None, :, None]).sum(1)


def _apply_each(a: Float[Array, "n 3 3 b"], v: np.ndarray) -> Float[Array, "n 3 b"]:
    return (a * v[:, None, :, None]).sum(2)
