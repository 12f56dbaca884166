"""The dynamics of a tree of any size, with a free root and ball joints, written so that they compile in seconds.

Every quantity is taken about one point and along the world's axes, where motions and forces of different bodies add
without being carried from one frame to the next (Featherstone 2008, *Rigid Body Dynamics Algorithms*, chapter 2).
Sums along a branch or over a subtree are then products with constant matrices of 0 and 1, and the program does not grow
with the tree. Only the frames have to be composed from the root outwards; that takes log₂(depth) rounds.

Arrays have the batch as their last axis, as in `mimic_mjx.tree`.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_mjx.vectors import apply, apply_each, cross, cross_matrix, matrix, times, times_constant

_JOINTS = mujoco.mjtJoint


class Frames(NamedTuple):
    """Where everything is; the last axis of every array is the batch."""

    rotation: Array
    """(body, 3, 3) of the body frames"""
    position: Array
    """(body, 3) m, of the body frames"""
    axes: Array
    """(dof, 6) what a unit velocity of each degree of freedom does to the bodies it moves: their angular velocity, and
    the velocity of the point of each that is at ``center``"""
    center: Array
    """(3,) m, the point that motions and forces are taken about"""


class SpatialTree:
    """Kinematics, inertia and bias force of a model's tree.

    Args:
        m: the model; hinges, slides, ball and free joints.
    """

    def __init__(self, m: mujoco.MjModel) -> None:
        self._m = m
        self._links = _Links(m)
        self.moves = ancestry(m)
        """(body, dof) 1.0 where the degree of freedom moves the body"""
        self._before = _before(m, self.moves)
        # dof i is on the way from the root to dof j, or is j
        above = self.moves[m.dof_bodyid] * (np.arange(m.nv)[None] <= np.arange(m.nv)[:, None])
        self._above = above.T.copy()
        self._massive = np.flatnonzero(m.body_mass > 0)
        free = np.flatnonzero(m.jnt_type == int(_JOINTS.mjJNT_FREE))
        self._center = int(m.jnt_bodyid[free[0]]) if free.size else 0

    def frames(self, qpos: Float[Array, "nq b"]) -> Frames:
        """Compute where bodies are and how each degree of freedom moves them."""
        rotation, position = self._links.frames(qpos)
        link = self._links.of_body
        center = jax.lax.stop_gradient(position[link[self._center]])  # nothing depends on which point it is
        axis, anchor = self._links.axes(rotation, position)
        arm = anchor - center[None]
        turning, sliding = self._links.turns[:, None, None], 1.0 - self._links.turns[:, None, None]
        axes = jnp.concatenate([turning * axis, turning * cross(arm, axis) + sliding * axis], axis=1)
        return Frames(rotation[link], position[link], axes, center)

    def points(self, frames: Frames, body: np.ndarray, local: np.ndarray) -> Float[Array, "point 3 b"]:
        """Return where points are that have coordinates ``local`` (point, 3) in the frames of their bodies."""
        return frames.position[body] + apply_each(frames.rotation[body], local)

    def motion(self, frames: Frames, qvel: Float[Array, "nv b"]) -> Float[Array, "body 6 b"]:
        """Return the motion of every body: angular velocity, and velocity of its point at the center."""
        return _sum(self.moves, frames.axes * qvel[:, None])

    def on_joints(self, frames: Frames, body: np.ndarray, wrench: Float[Array, "n 6 b"]) -> Float[Array, "nv b"]:
        """Return the joint forces of wrenches (moment about the center, force) on bodies."""
        return jnp.einsum("nib,nib->nb", frames.axes, _sum(self.moves[body].T, wrench))

    def rows(self, frames: Frames, body: np.ndarray, wrench: Float[Array, "n 6 b"]) -> Float[Array, "n nv b"]:
        """Return the joint forces of each wrench by itself."""
        return self.moves[body][..., None] * jnp.einsum("nib,jib->njb", wrench, frames.axes, precision="highest")

    def inertia(
        self,
        frames: Frames,
        mass: Float[Array, " body #b"],
        principal: Float[Array, "body 3 #b"],
        more: tuple[np.ndarray, Float[Array, "n 6 6 b"]] | None = None,
    ) -> Float[Array, "nv nv b"]:
        """Return the joint-space inertia, armature left out (Featherstone 2008, section 6.2, composite bodies).

        Args:
            mass: kg.
            principal: kg·m², about the principal axes.
            more: (n,) bodies and (n, 6, 6, b) symmetric matrices that act on a body's motion as its inertia does.
        """
        weight, first, second = self._masses(frames, mass, principal)
        of_dof = self.moves[self._massive].T
        w, c, j = (_sum(of_dof, a) for a in (weight, first, second))
        turn, slide = frames.axes[:, :3], frames.axes[:, 3:]
        momentum = w * slide - cross(c, turn)
        spin = apply(j.reshape(-1, 3, 3, j.shape[-1]), turn) + cross(c, slide)
        response = jnp.concatenate([spin, momentum], axis=1)
        if more is not None:
            body, matrices = more
            total = _sum(self.moves[body].T, matrices)
            response = response + apply(total, frames.axes)
        # a product of matrices, since a fused sum would compute every response anew for each pair of joints
        pairs = jnp.matmul(
            jnp.transpose(frames.axes, (2, 0, 1)), jnp.transpose(response, (2, 1, 0)), precision="highest"
        )
        upper = self._above[..., None] * jnp.transpose(pairs, (1, 2, 0))
        return upper + jnp.swapaxes(upper, 0, 1) * (1.0 - np.eye(self._m.nv))[..., None]

    def bias(
        self,
        frames: Frames,
        qvel: Float[Array, "nv b"],
        mass: Float[Array, " body #b"],
        principal: Array,
    ) -> Float[Array, "nv b"]:
        """Return gravity, centrifugal and Coriolis forces: what the joints must bear while none accelerates."""
        v = frames.axes * qvel[:, None]
        carrier = _sum(self._before, v)
        turn, slide = carrier[:, :3], carrier[:, 3:]
        drift = jnp.concatenate([cross(turn, v[:, :3]), cross(turn, v[:, 3:]) + cross(slide, v[:, :3])], axis=1)
        of_body = self.moves[self._massive]
        motion, acceleration = _sum(of_body, v), _sum(of_body, drift)
        omega, velocity, alpha = motion[:, :3], motion[:, 3:], acceleration[:, :3]
        linear = acceleration[:, 3:] - np.asarray(self._m.opt.gravity)[None, :, None]
        weight, first, second = self._masses(frames, mass, principal)
        second = second.reshape(-1, 3, 3, second.shape[-1])
        momentum = weight * velocity - cross(first, omega)
        spin = apply(second, omega) + cross(first, velocity)
        force = weight * linear - cross(first, alpha) + cross(omega, momentum)
        moment = apply(second, alpha) + cross(first, linear) + cross(omega, spin) + cross(velocity, momentum)
        wrench = jnp.concatenate([moment, force], axis=1)
        return jnp.einsum("nib,nib->nb", frames.axes, _sum(of_body.T, wrench))

    def _masses(self, frames: Frames, mass: Array, principal: Array) -> tuple[Array, Array, Array]:
        """Mass (n, 1, b), first (n, 3, b) and second moments (n, 9, b) of the massive bodies about the center."""
        m, heavy = self._m, self._massive
        w, turn = mass[heavy][:, None], frames.rotation[heavy]
        own = times_constant(turn, np.stack([matrix(q) for q in m.body_iquat[heavy]]))
        about = times(principal[heavy][:, None] * own, jnp.swapaxes(own, 1, 2))
        arm = frames.position[heavy] + apply_each(turn, m.body_ipos[heavy]) - frames.center[None]
        square = (arm**2).sum(1)[:, None, None] * np.eye(3)[None, ..., None] - arm[:, :, None] * arm[:, None]
        second = about + w[:, None] * square
        first = w * arm
        return jnp.broadcast_to(w, (*first.shape[:1], 1, first.shape[-1])), first, second.reshape(len(heavy), 9, -1)

    def advanced(self, qpos: Float[Array, "nq b"], qvel: Float[Array, "nv b"], dt: float) -> Float[Array, "nq b"]:
        """Return the positions after moving with ``qvel`` for ``dt`` s; quaternions stay of unit length."""
        return self._links.advanced(qpos, qvel, dt)


class _Links:
    """The tree with one joint at most between a part and the next: a body with three hinges is three links."""

    def __init__(self, m: mujoco.MjModel) -> None:
        parent, place, turn, joint, of_body = [0], [np.zeros(3)], [np.eye(3)], [-1], [0]
        for body in range(1, m.nbody):
            up = of_body[m.body_parentid[body]]
            at, facing = m.body_pos[body], matrix(m.body_quat[body])
            first, count = m.body_jntadr[body], m.body_jntnum[body]
            if count and m.jnt_type[first] == int(_JOINTS.mjJNT_FREE):
                at, facing = np.zeros(3), np.eye(3)  # a free joint's position is the body's own
            for j in range(first, first + count) if count else [-1]:
                parent.append(up)
                place.append(at)
                turn.append(facing)
                joint.append(j)
                up, at, facing = len(parent) - 1, np.zeros(3), np.eye(3)
            of_body.append(up)
        self._m, self.of_body, joints = m, np.array(of_body), np.array(joint)
        self._parent, self._place, self._turn = np.array(parent), np.stack(place), np.stack(turn)
        kind = np.where(joints >= 0, m.jnt_type[joints] if m.njnt else -1, -1)
        self._by_kind = {k: np.flatnonzero(kind == int(k)) for k in (_JOINTS.mjJNT_HINGE, _JOINTS.mjJNT_SLIDE)}
        self._round = {k: np.flatnonzero(kind == int(k)) for k in (_JOINTS.mjJNT_BALL, _JOINTS.mjJNT_FREE)}
        self._joint = joints
        jumps = [self._parent]
        while jumps[-1].any():
            jumps.append(jumps[-1][jumps[-1]])
        self._jumps = np.stack(jumps[:-1] or jumps)
        self._of_dof(m, {j: i for i, j in enumerate(joint) if j >= 0})

    def _of_dof(self, m: mujoco.MjModel, link_of: dict[int, int]) -> None:
        """For each degree of freedom its link, axis and anchor in that link, and whether it turns the link."""
        self._link = np.array([link_of[j] for j in m.dof_jntid], int)
        self._axis, self._anchor = np.zeros((m.nv, 3)), m.jnt_pos[m.dof_jntid].reshape(m.nv, 3).copy()
        self.turns, self._fixed = np.zeros(m.nv), np.zeros(m.nv, bool)
        for dof, j in enumerate(m.dof_jntid):
            kind, n = m.jnt_type[j], dof - m.jnt_dofadr[j]
            if kind == int(_JOINTS.mjJNT_FREE):
                self._axis[dof], self._fixed[dof], self.turns[dof] = np.eye(3)[n % 3], n < 3, n >= 3
            elif kind == int(_JOINTS.mjJNT_BALL):
                self._axis[dof], self.turns[dof] = np.eye(3)[n], 1.0
            else:
                self._axis[dof], self.turns[dof] = m.jnt_axis[j], kind == int(_JOINTS.mjJNT_HINGE)

    def frames(self, qpos: Array) -> tuple[Array, Array]:
        """Return rotation (link, 3, 3, b) and position (link, 3, b) of every link."""

        def compose(frames, jump):
            rotation, position = frames
            up = rotation[jump]
            return times(up, rotation), position[jump] + apply(up, position)

        frames = self._local(qpos)
        for jump in self._jumps:
            frames = compose(frames, jump)
        return frames

    def _local(self, qpos: Array) -> tuple[Array, Array]:
        """Rotation and position of every link in the frame of the one before."""
        m, batch = self._m, qpos.shape[-1]
        rotation = jnp.broadcast_to(self._turn[..., None], (*self._turn.shape, batch))
        position = jnp.broadcast_to(self._place[..., None], (*self._place.shape, batch))
        hinges, slides = self._by_kind[_JOINTS.mjJNT_HINGE], self._by_kind[_JOINTS.mjJNT_SLIDE]
        if hinges.size:
            joints, turn = self._joint[hinges], self._turn[hinges]
            adr = m.jnt_qposadr[joints]
            k = np.stack([cross_matrix(a) for a in m.jnt_axis[joints]])
            angle = qpos[adr] - m.qpos0[adr][:, None]
            sin, cos = jnp.sin(angle)[:, None, None], jnp.cos(angle)[:, None, None]
            own = turn[..., None] + sin * (turn @ k)[..., None] + (1.0 - cos) * (turn @ k @ k)[..., None]
            rotation, position = self._turned(rotation, position, hinges, own)
        if slides.size:
            adr = m.jnt_qposadr[self._joint[slides]]
            along = (self._turn[slides] @ m.jnt_axis[self._joint[slides]][..., None])[..., 0]
            position = position.at[slides].add(along[..., None] * (qpos[adr] - m.qpos0[adr][:, None])[:, None])
        for kind, links in self._round.items():
            if not links.size:
                continue
            adr = m.jnt_qposadr[self._joint[links]]
            free = kind == _JOINTS.mjJNT_FREE
            own = rotation_of(qpos[adr[:, None] + np.arange(4) + (3 if free else 0)])
            if free:
                rotation = rotation.at[links].set(own)
                position = position.at[links].set(qpos[adr[:, None] + np.arange(3)])
            else:
                own = jnp.einsum("nij,njkb->nikb", self._turn[links], own, precision="highest")
                rotation, position = self._turned(rotation, position, links, own)
        return rotation, position

    def _turned(self, rotation: Array, position: Array, links: np.ndarray, own: Array) -> tuple[Array, Array]:
        """Put in the rotations ``own`` (n, 3, 3, b) of links about the anchors of their joints."""
        anchor, turn = self._m.jnt_pos[self._joint[links]], self._turn[links]
        held = self._place[links] + (turn @ anchor[..., None])[..., 0]
        return rotation.at[links].set(own), position.at[links].set(held[..., None] - apply_each(own, anchor))

    def axes(self, rotation: Array, position: Array) -> tuple[Array, Array]:
        """Return axis (dof, 3, b) and anchor (dof, 3, b) of every degree of freedom in the world."""
        of = rotation[self._link]
        axis = jnp.where(self._fixed[:, None, None], self._axis[..., None], apply_each(of, self._axis))
        return axis, position[self._link] + apply_each(of, self._anchor)

    def advanced(self, qpos: Array, qvel: Array, dt: float) -> Array:
        m = self._m
        single = np.isin(m.jnt_type, [int(_JOINTS.mjJNT_HINGE), int(_JOINTS.mjJNT_SLIDE)])
        q, v = m.jnt_qposadr[single], m.jnt_dofadr[single]
        out = qpos.at[q].add(dt * qvel[v]) if single.any() else qpos
        for j in np.flatnonzero(~single):
            q, v = m.jnt_qposadr[j], m.jnt_dofadr[j]
            if m.jnt_type[j] == int(_JOINTS.mjJNT_FREE):
                out = out.at[q : q + 3].add(dt * qvel[v : v + 3])
                q, v = q + 3, v + 3
            out = out.at[q : q + 4].set(turned_on(qpos[q : q + 4], dt * qvel[v : v + 3]))
        return out


def rotation_of(quat: Float[Array, "n 4 b"]) -> Float[Array, "n 3 3 b"]:
    """Return the rotation matrices of quaternions, w first, of any length but 0."""
    w, x, y, z = (quat[:, i] for i in range(4))
    s = 2.0 / (quat**2).sum(1)
    rows = [
        [1 - s * (y * y + z * z), s * (x * y - w * z), s * (x * z + w * y)],
        [s * (x * y + w * z), 1 - s * (x * x + z * z), s * (y * z - w * x)],
        [s * (x * z - w * y), s * (y * z + w * x), 1 - s * (x * x + y * y)],
    ]
    return jnp.stack([jnp.stack(row, 1) for row in rows], 1)


def turned_on(quat: Float[Array, "4 b"], angle: Float[Array, "3 b"]) -> Float[Array, "4 b"]:
    """Return quaternions turned on by rotation vectors (rad) in their own frame; smooth at a vector of 0."""
    square = (angle**2).sum(0)
    small = square < 1e-6
    half = 0.5 * jnp.sqrt(jnp.where(small, 1.0, square))
    sinc = jnp.where(small, 0.5 - square / 48.0, jnp.sin(half) / (2.0 * half))
    c, s = jnp.where(small, 1.0 - square / 8.0, jnp.cos(half)), sinc * angle
    w, v = quat[0], quat[1:]
    out = jnp.concatenate([(w * c - (v * s).sum(0))[None], w * s + c * v + cross(v, s)])
    return out / jnp.sqrt((out**2).sum(0))


def ancestry(m: mujoco.MjModel) -> Float[np.ndarray, "body dof"]:
    """Return 1.0 where a degree of freedom moves a body."""
    moves = np.zeros((m.nbody, m.nv))
    for body in range(1, m.nbody):
        moves[body] = moves[m.body_parentid[body]]
        moves[body, m.body_dofadr[body] : m.body_dofadr[body] + m.body_dofnum[body]] = 1.0
    return moves


def _before(m: mujoco.MjModel, moves: np.ndarray) -> np.ndarray:
    """(dof, dof) 1.0 where the second carries the axis of the first: of a ball none carries another, of a free joint
    the three that turn are carried by the three that move."""
    first = m.jnt_dofadr[m.dof_jntid].copy()
    turning = (m.jnt_type[m.dof_jntid] == int(_JOINTS.mjJNT_FREE)) & (np.arange(m.nv) - first >= 3)
    first[turning] += 3
    return moves[m.dof_bodyid] * (np.arange(m.nv)[None] < first[:, None])


def _sum(members: np.ndarray, values: Array) -> Array:
    """Sum ``values`` (n, …, b) over the members of each group; ``members`` is (group, n)."""
    flat = values.reshape(values.shape[0], -1)
    return jnp.matmul(members.astype(np.float32), flat, precision="highest").reshape(-1, *values.shape[1:])
