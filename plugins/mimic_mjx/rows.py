"""Constraints that act along a direction of joint space each: couplings, connections, limits of tendons, dry friction,
and contacts between moving parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_mjx.compliance import Response, Softness, one_sided, slipping, two_sided
from mimic_mjx.ground import Parameters, Touch, is_ground, touching
from mimic_mjx.spatial import Frames, SpatialTree
from mimic_mjx.vectors import apply_each, cross, matrix

_GEOM, _EQ = mujoco.mjtGeom, mujoco.mjtEq
_ROUND = (int(_GEOM.mjGEOM_SPHERE), int(_GEOM.mjGEOM_CAPSULE))
_TINY = 1e-12
_PULL = 1e-4
"""towards the centers of segments, as a share of the longer one's square"""


class State(NamedTuple):
    """What constraints see of a batch; the last axis of every array is the batch."""

    m: mujoco.MjModel
    qpos: Array
    qvel: Array
    frames: Frames
    tendon_length: Array
    """(tendon, b) m"""
    tendon_moment: Array
    """(tendon, nv, b)"""
    h: float


def equalities(m: mujoco.MjModel, kind: mujoco.mjtEq) -> np.ndarray:
    """Return the numbers of the model's active equality constraints of one kind."""
    return np.flatnonzero((m.eq_type == int(kind)) & m.eq_active0.astype(bool))


class Couplings:
    """Joints tied to others by polynomials, q₁ = q₁⁰ + p(q₂ − q₂⁰), or held at a constant; tendons likewise."""

    def __init__(self, m: mujoco.MjModel) -> None:
        joint, tendon = equalities(m, _EQ.mjEQ_JOINT), equalities(m, _EQ.mjEQ_TENDON)
        self._joints, self._tendons = joint, tendon
        self.n = len(joint) + len(tendon)

    def __call__(self, s: State) -> tuple[Float[Array, "n nv b"], Response]:
        found = [self._of(s, eq, place) for eq, place in self._sides(s) if eq.size]
        jacobian, residual = (jnp.concatenate(x) for x in zip(*found, strict=True))
        eq = np.concatenate([self._joints, self._tendons])
        soft = Softness.of(s.m.eq_solref[eq], s.m.eq_solimp[eq], self._inverse_mass(s.m))
        return jacobian, two_sided(soft, residual, (jacobian * s.qvel[None]).sum(1), s.h)

    def _sides(self, s: State):
        """For joints and for tendons: which constraints, and ``place(ids)``: place and Jacobian of what they tie."""
        m, eye = s.m, jnp.eye(s.m.nv)[..., None]

        def of_joint(j):
            return s.qpos[m.jnt_qposadr[j]] - m.qpos0[m.jnt_qposadr[j]][:, None], eye[m.jnt_dofadr[j]]

        def of_tendon(t):
            return s.tendon_length[t] - m.tendon_length0[t][:, None], s.tendon_moment[t]

        return (self._joints, of_joint), (self._tendons, of_tendon)

    def _of(self, s: State, eq: np.ndarray, place: Callable) -> tuple[Array, Array]:
        first, second = np.asarray(s.m.eq_obj1id)[eq], np.asarray(s.m.eq_obj2id)[eq]
        driven, along = place(first)
        other, by = place(np.maximum(second, 0))
        tied = (second >= 0)[:, None]
        x = jnp.where(tied, other, 0.0)
        c = [s.m.eq_data[eq, i][:, None] for i in range(5)]
        value = c[0] + x * (c[1] + x * (c[2] + x * (c[3] + x * c[4])))
        slope = jnp.where(tied, c[1] + x * (2 * c[2] + x * (3 * c[3] + x * 4 * c[4])), 0.0)
        return along - slope[:, None] * by, driven - value

    def _inverse_mass(self, m: mujoco.MjModel) -> Array:
        out = []
        for eq, inverse, of in (
            (self._joints, m.dof_invweight0, lambda j: m.jnt_dofadr[j]),
            (self._tendons, m.tendon_invweight0, lambda t: t),
        ):
            if eq.size:
                first, second = np.asarray(m.eq_obj1id)[eq], np.asarray(m.eq_obj2id)[eq]
                out.append(inverse[of(first)] + jnp.where(second >= 0, inverse[of(np.maximum(second, 0))], 0.0))
        return jnp.concatenate(out)


class Connections:
    """Points of two bodies that are held together; a weld holds three points that are not on one line."""

    def __init__(self, m: mujoco.MjModel, tree: SpatialTree) -> None:
        self._tree = tree
        eqs, bodies, places = [], [], []
        for eq in (*equalities(m, _EQ.mjEQ_CONNECT), *equalities(m, _EQ.mjEQ_WELD)):
            for pair, place in _held_points(m, int(eq)):
                eqs.append(eq)
                bodies.append(pair)
                places.append(place)
        self._eq = np.repeat(np.array(eqs, int), 3)
        self._bodies = np.array(bodies, int).reshape(-1, 2).T
        self._places = np.array(places).reshape(-1, 2, 3).swapaxes(0, 1)
        self.n = len(self._eq)

    def __call__(self, s: State) -> tuple[Float[Array, "n nv b"], Response]:
        points = [self._tree.points(s.frames, b, p) for b, p in zip(self._bodies, self._places, strict=True)]
        residual = (points[0] - points[1]).reshape(self.n, -1)
        unit = np.tile(np.eye(3), (len(points[0]), 1))
        rows = [
            _along(self._tree, s.frames, np.repeat(b, 3), jnp.repeat(p, 3, axis=0), unit[..., None])
            for b, p in zip(self._bodies, points, strict=True)
        ]
        jacobian = rows[0] - rows[1]
        inverse = s.m.body_invweight0[self._bodies, 0].sum(0).repeat(3)
        soft = Softness.of(s.m.eq_solref[self._eq], s.m.eq_solimp[self._eq], jnp.maximum(inverse, 1e-9))
        return jacobian, two_sided(soft, residual, (jacobian * s.qvel[None]).sum(1), s.h)


def _held_points(m: mujoco.MjModel, eq: int):
    """Yield (body, body) and their (2, 3) local places of the points that an equality constraint holds together."""
    data = mujoco.MjData(m)
    mujoco.mj_kinematics(m, data)
    one, two = int(m.eq_obj1id[eq]), int(m.eq_obj2id[eq])
    if m.eq_objtype[eq] == int(mujoco.mjtObj.mjOBJ_SITE):
        bodies = int(m.site_bodyid[one]), int(m.site_bodyid[two])
        first, second = (matrix(m.site_quat[i]) for i in (one, two))
        frame = [(m.site_pos[one], first), (m.site_pos[two], second)]
    else:
        bodies = one, two
        if m.eq_type[eq] == int(_EQ.mjEQ_CONNECT):
            frame = [(m.eq_data[eq, :3], np.eye(3)), (m.eq_data[eq, 3:6], np.eye(3))]
        else:  # eq_data: the anchor in the second body, then the second body's pose in the first
            anchor, place, turn = m.eq_data[eq, :3], m.eq_data[eq, 3:6], matrix(m.eq_data[eq, 6:10])
            frame = [(place + turn @ anchor, turn), (anchor, np.eye(3))]
    if m.eq_type[eq] == int(_EQ.mjEQ_CONNECT):
        yield bodies, np.stack([frame[0][0], frame[1][0]])
        return
    span = 0.5 * m.stat.meansize
    for arm in span * np.eye(3):
        yield bodies, np.stack([place + turn @ arm for place, turn in frame])


class TendonLimits:
    """Tendons that may not be longer, or shorter, than their range."""

    def __init__(self, m: mujoco.MjModel) -> None:
        limited = np.flatnonzero(m.tendon_limited)
        self._tendon = np.concatenate([limited, limited])
        self._sign = np.concatenate([np.ones(len(limited)), -np.ones(len(limited))])
        self._bound = m.tendon_range[limited].T.reshape(-1)
        self.n = len(self._tendon)

    def __call__(self, s: State) -> tuple[Float[Array, "n nv b"], Response]:
        t, sign = self._tendon, self._sign[:, None]
        gap = sign * (s.tendon_length[t] - self._bound[:, None]) - s.m.tendon_margin[t][:, None]
        jacobian = sign[..., None] * s.tendon_moment[t]
        soft = Softness.of(
            s.m.tendon_solref_lim[t], s.m.tendon_solimp_lim[t], jnp.maximum(s.m.tendon_invweight0[t], 1e-9)
        )
        return jacobian, one_sided(soft, gap, (jacobian * s.qvel[None]).sum(1), s.h)


class DryFriction:
    """Joints and tendons that resist moving with up to a given force."""

    def __init__(self, m: mujoco.MjModel) -> None:
        self._dofs, self._tendons = np.flatnonzero(m.dof_frictionloss), np.flatnonzero(m.tendon_frictionloss)
        self.n = len(self._dofs) + len(self._tendons)

    def __call__(self, s: State) -> tuple[Float[Array, "n nv b"], Response]:
        m, d, t = s.m, self._dofs, self._tendons
        jacobian = jnp.concatenate(
            [jnp.broadcast_to(jnp.eye(m.nv)[d][..., None], (len(d), *s.qvel.shape)), s.tendon_moment[t]]
        )
        solref, solimp, inverse, loss = (
            jnp.concatenate([a[d], b[t]])
            for a, b in (
                (m.dof_solref, m.tendon_solref_fri),
                (m.dof_solimp, m.tendon_solimp_fri),
                (m.dof_invweight0, m.tendon_invweight0),
                (m.dof_frictionloss, m.tendon_frictionloss),
            )
        )
        soft = Softness.of(solref, solimp, jnp.maximum(inverse, 1e-9))
        velocity = (jacobian * s.qvel[None]).sum(1)
        held = slipping(soft.weight(jnp.zeros_like(velocity)), soft, loss[:, None], velocity[:, None], s.h)
        return jacobian, Response(held.force[:, 0], held.mass)


class Between:
    """Contacts of spheres and capsules that move against each other, without friction."""

    def __init__(self, m: mujoco.MjModel, tree: SpatialTree) -> None:
        self._tree = tree
        contacts = between(m)
        self._geoms = np.array([[t.geom1, t.geom2] for t in contacts], int).reshape(-1, 2).T
        self._bodies = m.geom_bodyid[self._geoms]
        self._parameters = Parameters(m, contacts)
        self._center, self._half = m.geom_pos[self._geoms], np.zeros((2, len(contacts), 3))
        for side, geoms in enumerate(self._geoms):
            for i, g in enumerate(geoms):
                if m.geom_type[g] == int(_GEOM.mjGEOM_CAPSULE):
                    self._half[side, i] = matrix(m.geom_quat[g])[:, 2] * m.geom_size[g, 1]
        self._radius = m.geom_size[self._geoms, 0].sum(0) if contacts else np.zeros(0)
        self._inner = m.geom_size[self._geoms, 0]
        self.n = len(contacts)

    def __call__(self, s: State) -> tuple[Float[Array, "n nv b"], Response]:
        centers = [self._tree.points(s.frames, b, p) for b, p in zip(self._bodies, self._center, strict=True)]
        halves = [apply_each(s.frames.rotation[b], v) for b, v in zip(self._bodies, self._half, strict=True)]
        near = nearest(centers[0], halves[0], centers[1], halves[1])
        apart = near[1] - near[0]
        distance = jnp.sqrt((apart**2).sum(1) + _TINY)
        normal = apart / distance[:, None]
        margin = self._parameters.margin[:, None]
        at = near[0] + (self._inner[0][:, None] + 0.5 * (distance - self._radius[:, None]))[:, None] * normal
        rows = [_along(self._tree, s.frames, b, at, normal) for b in self._bodies]
        jacobian = rows[1] - rows[0]
        soft, _ = self._parameters.of(s.m)
        gap = distance - self._radius[:, None] - margin
        return jacobian, one_sided(soft, gap, (jacobian * s.qvel[None]).sum(1), s.h)


def between(m: mujoco.MjModel) -> list[Touch]:
    """Return the contacts of spheres and capsules, one of which moves, with each other."""
    return [t for t in touching(m) if m.geom_type[t.geom1] in _ROUND and m.geom_type[t.geom2] in _ROUND]


def not_kept(m: mujoco.MjModel) -> list[Touch]:
    """Return the contacts that neither `mimic_mjx.ground` nor `Between` knows."""
    from mimic_mjx.ground import on_ground

    known = {frozenset((t.geom1, t.geom2)) for t in (*on_ground(m), *between(m))}
    return [
        t
        for t in touching(m)
        if frozenset((t.geom1, t.geom2)) not in known and not (is_ground(m, t.geom1) and is_ground(m, t.geom2))
    ]


def nearest(a: Array, u: Array, c: Array, w: Array) -> tuple[Array, Array]:
    """Return the points of the segments a ± u and c ± w (n, 3, b) that are nearest to each other.

    Ericson 2005, *Real-Time Collision Detection*, section 5.1.9. Where segments are parallel, or points, the middle of
    what is equally near is taken, by a small pull towards the centers, which also keeps the slope finite.
    """
    products = [(x * y).sum(1) for x, y in ((u, u), (w, w), (u, w), (u, c - a), (w, c - a))]
    square = jnp.maximum(products[0], products[1])
    # as shares of the longer one's square: products of squares of millimetres have no slope in single precision
    uu, ww, uw, ur, wr = (x / jnp.where(square > 0, square, 1.0) for x in products)
    free = ((uu + _PULL) * (ww + _PULL) - uw**2, ur * (ww + _PULL) - wr * uw)
    s = jnp.clip(free[1] / free[0], -1.0, 1.0)
    t = jnp.clip((uw * s - wr) / (ww + _PULL), -1.0, 1.0)
    s = jnp.clip((uw * t + ur) / (uu + _PULL), -1.0, 1.0)
    return a + s[:, None] * u, c + t[:, None] * w


def _along(tree: SpatialTree, frames: Frames, body: np.ndarray, point: Array, direction: Array | np.ndarray) -> Array:
    """(n, nv, b) velocity of points of bodies along directions, per joint velocity."""
    direction = jnp.broadcast_to(direction, point.shape)
    wrench = jnp.concatenate([cross(point - frames.center[None], direction), direction], axis=1)
    return tree.rows(frames, body, wrench)


def all_rows(m: mujoco.MjModel, tree: SpatialTree) -> list:
    """Return those sets of constraints that a model has."""
    sets = (Couplings(m), Connections(m, tree), TendonLimits(m), DryFriction(m), Between(m, tree))
    return [one for one in sets if one.n]


def added_up(sets: list, state: State) -> tuple[Float[Array, "nv b"], Float[Array, "nv nv b"]]:
    """Return the joint forces of all sets of constraints, and by how much they fall per joint acceleration."""
    force = jnp.zeros_like(state.qvel)
    falls = jnp.zeros((state.qvel.shape[0], *state.qvel.shape))
    for one in sets:
        jacobian, response = one(state)
        force = force + (jacobian * response.force[:, None]).sum(0)
        falls = falls + on_joint_pairs(jacobian, response.mass)
    return force, falls


def on_joint_pairs(jacobian: Float[Array, "n nv b"], each: Float[Array, "n b"]) -> Float[Array, "nv nv b"]:
    """Return Σ_n J_nᵀ·each_n·J_n."""
    left = jnp.transpose(jacobian * each[:, None], (2, 1, 0))
    right = jnp.transpose(jacobian, (2, 0, 1))
    return jnp.transpose(jnp.matmul(left, right, precision="highest"), (1, 2, 0))
