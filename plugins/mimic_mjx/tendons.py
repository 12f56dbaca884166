"""Lengths and moment arms of tendons, and of the actuators that pull on tendons, joints and sites."""

from __future__ import annotations

import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_mjx.rows import on_joint_pairs
from mimic_mjx.spatial import Frames, SpatialTree
from mimic_mjx.vectors import apply_each, cross, matrix, times_constant
from mimic_mjx.wraps import Surfaces

_WRAP, _TRANSMISSION = mujoco.mjtWrap, mujoco.mjtTrn
_TINY = 1e-24


class Tendons:
    """The tendons of a tree.

    Those along joints are linear in the joints. Those along sites are summed up over their pieces: straight ones
    between two bodies, and ones that pass a sphere or a cylinder (`mimic_mjx.wraps`). What lies within one body is a
    constant length.
    """

    def __init__(self, m: mujoco.MjModel, tree: SpatialTree) -> None:
        self._m, self._tree = m, tree
        self._fixed, self._constant = np.zeros((m.ntendon, m.nv)), np.zeros(m.ntendon)
        self._qposadr = np.zeros(m.nv, int)
        for j in range(m.njnt):
            self._qposadr[m.jnt_dofadr[j]] = m.jnt_qposadr[j]
        straight, wrapped = [], []
        for t in range(m.ntendon):
            self._take_apart(t, straight, wrapped)
        self._straight = np.array([s[:3] for s in straight], int).reshape(-1, 3)
        self._wrapped = np.array([w[:5] for w in wrapped], int).reshape(-1, 5)
        shares = np.array([s[-1] for s in (*straight, *wrapped)])
        tendon = np.concatenate([self._straight[:, 0], self._wrapped[:, 0]])
        self._lengths = _membership(m.ntendon, tendon, shares)
        self._surfaces = self._take_surfaces() if wrapped else None

        # every end of a piece pulls on a body; pulls of one tendon on one body are added up first
        site, geom = m.site_bodyid, m.geom_bodyid
        _, one, two = self._straight.T
        _, a, surface, c, _ = self._wrapped.T
        body = np.concatenate([site[one], site[two], site[a], geom[surface], geom[surface], site[c]])
        n = len(straight)
        piece = np.concatenate([np.arange(n), np.arange(n), *[n + np.arange(len(wrapped))] * 4])
        pulls = np.stack([tendon[piece], body], 1) if len(piece) else np.zeros((0, 2), int)
        pairs, which = np.unique(pulls, axis=0, return_inverse=True)
        moved = tree.moves[pairs[:, 1]].any(1)
        self._pulls = _membership(len(pairs), which.reshape(-1), shares[piece])[moved]
        self._pulled = pairs[moved, 1]
        self._of_pulled = _membership(m.ntendon, pairs[moved, 0], np.ones(moved.sum()))

    def _take_apart(self, t: int, straight: list, wrapped: list) -> None:
        """Add the pieces of a tendon: tendon, what it passes, and the share that counts (pulleys divide)."""
        m, share, w = self._m, 1.0, int(self._m.tendon_adr[t])
        end = w + int(m.tendon_num[t])
        while w < end:
            kind, thing = m.wrap_type[w], int(m.wrap_objid[w])
            if kind == int(_WRAP.mjWRAP_JOINT):
                self._fixed[t, m.jnt_dofadr[thing]] += m.wrap_prm[w]
            elif kind == int(_WRAP.mjWRAP_PULLEY):
                share = 1.0 / max(m.wrap_prm[w], mujoco.mjMINVAL)
            elif kind == int(_WRAP.mjWRAP_SITE) and w + 1 < end:
                after = m.wrap_type[w + 1]
                if after == int(_WRAP.mjWRAP_SITE):
                    other = int(m.wrap_objid[w + 1])
                    if m.site_bodyid[thing] != m.site_bodyid[other]:
                        straight.append((t, thing, other, share))
                    else:
                        self._constant[t] += share * np.linalg.norm(m.site_pos[thing] - m.site_pos[other])
                elif after in (int(_WRAP.mjWRAP_SPHERE), int(_WRAP.mjWRAP_CYLINDER)):
                    geom, side, other = m.wrap_objid[w + 1], round(m.wrap_prm[w + 1]), m.wrap_objid[w + 2]
                    wrapped.append((t, thing, int(geom), int(other), int(side), share))
            w += 1

    def _take_surfaces(self) -> Surfaces:
        m = self._m
        _, _, geom, _, side = self._wrapped.T
        kind, sided = m.geom_type[geom], side >= 0
        sphere = kind == int(mujoco.mjtGeom.mjGEOM_SPHERE)
        self._facing = np.stack([matrix(q) for q in m.geom_quat[geom]])
        data = mujoco.MjData(m)
        mujoco.mj_kinematics(m, data)
        # a side within the surface asks for a path within it
        away = data.site_xpos[side] - data.geom_xpos[geom]
        inside = sided & (np.linalg.norm(away, axis=1) < m.geom_size[geom, 0])
        return Surfaces(m.geom_size[geom, 0], sphere, sided, inside)

    def __call__(
        self, frames: Frames, qpos: Float[Array, "nq b"]
    ) -> tuple[Float[Array, "tendon b"], Float[Array, "tendon nv b"]]:
        """Return lengths, m (for those along joints, in the joints' units), and dL/dq."""
        m, batch = self._m, qpos.shape[-1]
        if not m.ntendon:
            return jnp.zeros((0, batch)), jnp.zeros((0, m.nv, batch))
        length = jnp.matmul(self._fixed.astype(np.float32), qpos[self._qposadr], precision="highest")
        length = length + self._constant[:, None].astype(np.float32)
        moment = jnp.broadcast_to(self._fixed[..., None].astype(np.float32), (m.ntendon, m.nv, batch))
        sizes, wrenches = [], []
        if self._straight.size:
            a, c = (self._sites(frames, s) for s in self._straight.T[1:])
            size, unit = _direction(a, c)
            sizes.append(size)
            wrenches += [-_wrench(frames, a, unit), _wrench(frames, c, unit)]
        if self._surfaces is not None:
            size, more = self._around(frames)
            sizes.append(size)
            wrenches += more
        if not sizes:
            return length, moment
        length = length + jnp.matmul(self._lengths, jnp.concatenate(sizes), precision="highest")
        pulls = jnp.tensordot(self._pulls, jnp.concatenate(wrenches), 1, precision="highest")
        rows = self._tree.rows(frames, self._pulled, pulls)
        return length, moment + jnp.tensordot(self._of_pulled, rows, 1, precision="highest")

    def _sites(self, frames: Frames, sites: np.ndarray) -> Float[Array, "n 3 b"]:
        return self._tree.points(frames, self._m.site_bodyid[sites], self._m.site_pos[sites])

    def _around(self, frames: Frames) -> tuple[Array, list[Array]]:
        """Lengths of the pieces that pass surfaces, and how their ends pull: at sites and at surfaces."""
        m, (_, one, geom, two, side) = self._m, self._wrapped.T
        a, c = self._sites(frames, one), self._sites(frames, two)
        center = self._tree.points(frames, m.geom_bodyid[geom], m.geom_pos[geom])
        turn = times_constant(frames.rotation[m.geom_bodyid[geom]], self._facing)
        path = self._surfaces(a, c, center, turn, self._sites(frames, np.maximum(side, 0)))
        before, coming = _direction(a, path.first)
        after, going = _direction(path.last, c)
        pulls = (a, -coming), (path.first, coming), (path.last, -going), (c, going)
        return before + path.arc + after, [_wrench(frames, *p) for p in pulls]

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


def _membership(n: int, group: np.ndarray, share: np.ndarray) -> Float[np.ndarray, "n member"]:
    """Return the matrix that adds up members by their groups, each with its share."""
    return ((group == np.arange(n)[:, None]) * share).astype(np.float32)


def _direction(a: Array, c: Array) -> tuple[Float[Array, "n b"], Float[Array, "n 3 b"]]:
    """Return how far c is from a, and the unit vector to it."""
    step = c - a
    size = jnp.sqrt((step**2).sum(1) + _TINY)
    return size, step / size[:, None]


def _wrench(frames: Frames, point: Array, direction: Array) -> Array:
    return jnp.concatenate([cross(point - frames.center[None], direction), direction], axis=1)


def resisting(moment: Array, stiffness: Array, damping: Array, h: float) -> Float[Array, "nv nv b"]:
    """Return what forces that resist along given moments add to the joint-space inertia of an implicit step."""
    each = jnp.broadcast_to(h * damping + h**2 * stiffness, moment[:, 0].shape)
    return on_joint_pairs(moment, each)
