"""Lengths and moment arms of tendons, and of the actuators that pull on tendons, joints and sites."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float
from mujoco import mjx

from mimic_mjx.rows import on_joint_pairs
from mimic_mjx.spatial import Frames, SpatialTree
from mimic_mjx.vectors import apply_each, cross, matrix, times_constant

_WRAP, _TRANSMISSION = mujoco.mjtWrap, mujoco.mjtTrn
_TINY = 1e-24


class Tendons:
    """The tendons of a tree.

    Those along joints are linear in the joints, those along sites are summed up over their straight pieces, and where
    any wraps around a surface or passes a pulley, MJX computes all of them.
    """

    def __init__(self, m: mujoco.MjModel, mjx_model: mjx.Model, blank: mjx.Data, tree: SpatialTree) -> None:
        self._m, self._tree, self._mjx, self._blank = m, tree, mjx_model, blank
        plain = (int(_WRAP.mjWRAP_SITE), int(_WRAP.mjWRAP_JOINT))
        self._by_mjx = bool(m.nwrap) and not np.isin(m.wrap_type, plain).all()
        along = m.wrap_type == int(_WRAP.mjWRAP_JOINT)
        tendon = np.repeat(np.arange(m.ntendon), m.tendon_num) if m.ntendon else np.zeros(0, int)
        self._fixed = np.zeros((m.ntendon, m.nv))
        self._qposadr = np.zeros(m.nv, int)
        for j in range(m.njnt):
            self._qposadr[m.jnt_dofadr[j]] = m.jnt_qposadr[j]
        for w in np.flatnonzero(along):
            self._fixed[tendon[w], m.jnt_dofadr[m.wrap_objid[w]]] += m.wrap_prm[w]
        starts = [
            first + i
            for first, n in zip(m.tendon_adr, m.tendon_num, strict=True)
            for i in range(n - 1)
            if not along[first]
        ]
        self._start = np.array(starts, int)
        self._sites = m.wrap_objid
        self._member = (tendon[self._start] == np.arange(m.ntendon)[:, None]).astype(np.float32)

    def __call__(
        self, frames: Frames, qpos: Float[Array, "nq b"]
    ) -> tuple[Float[Array, "tendon b"], Float[Array, "tendon nv b"]]:
        """Return lengths, m (for those along joints, in the joints' units), and dL/dq."""
        m, batch = self._m, qpos.shape[-1]
        if not m.ntendon:
            return jnp.zeros((0, batch)), jnp.zeros((0, m.nv, batch))
        if self._by_mjx:
            return self._all_by_mjx(frames, qpos)
        length = jnp.matmul(self._fixed.astype(np.float32), qpos[self._qposadr], precision="highest")
        moment = jnp.broadcast_to(self._fixed[..., None], (m.ntendon, m.nv, batch))
        if not self._start.size:
            return length, moment
        here, there = self._sites[self._start], self._sites[self._start + 1]
        points = [self._tree.points(frames, m.site_bodyid[s], m.site_pos[s]) for s in (here, there)]
        step = points[1] - points[0]
        size = jnp.sqrt((step**2).sum(1) + _TINY)
        unit = step / size[:, None]
        arms = [
            self._tree.rows(frames, m.site_bodyid[s], _wrench(frames, p, unit))
            for s, p in zip((here, there), points, strict=True)
        ]
        pieces = arms[1] - arms[0]
        return length + self._per_tendon(size), moment + self._per_tendon(pieces)

    def _per_tendon(self, pieces: Array) -> Array:
        return jnp.tensordot(self._member, pieces, 1, precision="highest")

    def _all_by_mjx(self, frames: Frames, qpos: Array) -> tuple[Array, Array]:
        m = self._m
        site = self._tree.points(frames, m.site_bodyid, m.site_pos)
        geom = self._tree.points(frames, m.geom_bodyid, m.geom_pos)
        turn = frames.rotation[m.geom_bodyid]
        facing = times_constant(turn, np.stack([matrix(q) for q in m.geom_quat]))

        def one(qpos, axes, center, site, geom, facing):
            d = self._blank.replace(
                qpos=qpos, site_xpos=site, geom_xpos=geom, geom_xmat=facing,
                subtree_com=jnp.broadcast_to(center, (m.nbody, 3)), cdof=axes,
            )  # fmt: skip
            d = mjx.tendon(self._mjx, d)
            return d.ten_length, d._impl.ten_J

        args = qpos, frames.axes, frames.center, site, geom, facing
        return jax.vmap(one, in_axes=-1, out_axes=-1)(*args)

    def passive(self, length: Array, speed: Array) -> tuple[Array, Array, Array]:
        """Return force along each tendon of its spring and damper, and its stiffness and damping (tendon, b or 1)."""
        m = self._m
        low, high = (m.tendon_lengthspring[:, i, None] for i in range(2))
        beyond = jnp.where(length > high, length - high, jnp.where(length < low, length - low, 0.0))
        stretched = m.tendon_stiffness[:, None] * (beyond != 0)
        damping = jnp.asarray(m.tendon_damping)[:, None]
        return -m.tendon_stiffness[:, None] * beyond - damping * speed, stretched, damping

    @property
    def resist(self) -> bool:
        """Whether any has a spring or a damper."""
        return bool(self._m.tendon_stiffness.any() or self._m.tendon_damping.any())


class Transmission:
    """How actuators pull: on a joint, a tendon, or at a site in its own frame."""

    def __init__(self, m: mujoco.MjModel, tree: SpatialTree) -> None:
        self._m, self._tree = m, tree
        kind, gear = m.actuator_trntype, m.actuator_gear[:, 0]
        on_joint = (int(_TRANSMISSION.mjTRN_JOINT), int(_TRANSMISSION.mjTRN_JOINTINPARENT))
        self._of_joint, self._of_tendon = np.zeros((m.nu, m.nv)), np.zeros((m.nu, m.ntendon))
        self._ref = np.zeros((m.nu, m.nv))
        for i in range(m.nu):
            if kind[i] in on_joint:
                self._of_joint[i, m.jnt_dofadr[m.actuator_trnid[i, 0]]] = gear[i]
            elif kind[i] == int(_TRANSMISSION.mjTRN_TENDON):
                self._of_tendon[i, m.actuator_trnid[i, 0]] = gear[i]
        self._at_site = np.flatnonzero(kind == int(_TRANSMISSION.mjTRN_SITE))
        self._qposadr = np.zeros(m.nv, int)
        for j in range(m.njnt):
            self._qposadr[m.jnt_dofadr[j]] = m.jnt_qposadr[j]

    def __call__(
        self, frames: Frames, qpos: Array, length: Array, moment: Array
    ) -> tuple[Float[Array, "nu b"], Float[Array, "nu nv b"]]:
        """Return lengths and moments of the actuators, gear included, from those of the tendons."""
        of_joint, of_tendon = self._of_joint.astype(np.float32), self._of_tendon.astype(np.float32)
        out = jnp.matmul(of_joint, qpos[self._qposadr], precision="highest")
        arms = jnp.broadcast_to(of_joint[..., None], (*of_joint.shape, qpos.shape[-1]))
        if of_tendon.any():
            out = out + jnp.matmul(of_tendon, length, precision="highest")
            arms = arms + jnp.tensordot(of_tendon, moment, 1, precision="highest")
        if self._at_site.size:
            arms = arms.at[self._at_site].set(self._on_sites(frames))
        return out, arms

    def _on_sites(self, frames: Frames) -> Array:
        m, sites = self._m, self._m.actuator_trnid[self._at_site, 0]
        body, gear = m.site_bodyid[sites], m.actuator_gear[self._at_site]
        turn = frames.rotation[body]
        local = np.stack([matrix(q) for q in m.site_quat[sites]])
        push, twist = (apply_each(turn, (local @ gear[:, part, None])[..., 0]) for part in (slice(0, 3), slice(3, 6)))
        arm = self._tree.points(frames, body, m.site_pos[sites]) - frames.center[None]
        return self._tree.rows(frames, body, jnp.concatenate([twist + cross(arm, push), push], axis=1))


def _wrench(frames: Frames, point: Array, direction: Array) -> Array:
    return jnp.concatenate([cross(point - frames.center[None], direction), direction], axis=1)


def resisting(moment: Array, stiffness: Array, damping: Array, h: float) -> Float[Array, "nv nv b"]:
    """Return what forces that resist along given moments add to the joint-space inertia of an implicit step."""
    each = jnp.broadcast_to(h * damping + h**2 * stiffness, moment[:, 0].shape)
    return on_joint_pairs(moment, each)
