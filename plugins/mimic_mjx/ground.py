"""Contact with planes that stand still: where a body may touch them, and the forces there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float
from mujoco import mjx

from mimic_mjx.compliance import Softness, one_sided, slipping
from mimic_mjx.spatial import Frames, SpatialTree
from mimic_mjx.vectors import apply, cross, matrix, times_constant

_GEOM = mujoco.mjtGeom
_RIM = 8
"""points on each rim of a cylinder"""
_MOST_VERTICES, _MOST_OF_ALL, _LEAST_VERTICES = 32, 256, 8
"""of a mesh, of all meshes together, and of a mesh where there are many"""
_SHAPES = tuple(
    int(getattr(_GEOM, f"mjGEOM_{n}")) for n in ("SPHERE", "CAPSULE", "ELLIPSOID", "CYLINDER", "BOX", "MESH")
)


class Touch(NamedTuple):
    """A pair of geoms that may touch, with the model's parameters of their contact."""

    geom1: int
    geom2: int
    pair: int
    """number of the model's explicit pair, or −1"""
    dimension: int


def touching(m: mujoco.MjModel) -> Iterator[Touch]:
    """Yield the pairs of geoms whose contact MuJoCo computes (documentation, "Computation: Collision detection")."""
    excluded = {int(s) for s in m.exclude_signature}
    explicit = {(int(a), int(b)) for a, b in zip(m.pair_geom1, m.pair_geom2, strict=True)}
    for i, (a, b) in enumerate(zip(m.pair_geom1, m.pair_geom2, strict=True)):
        yield Touch(int(a), int(b), i, int(m.pair_dim[i]))
    able = (m.geom_contype[:, None] & m.geom_conaffinity[None]) | (m.geom_contype[None] & m.geom_conaffinity[:, None])
    filtering = not m.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_FILTERPARENT)
    for a, b in np.argwhere(np.triu(able, 1)):
        bodies = m.geom_bodyid[[a, b]]
        low, high = sorted(bodies)
        weld = m.body_weldid[bodies]
        if weld[0] == weld[1] or (low << 16) + high in excluded or (a, b) in explicit or (b, a) in explicit:
            continue
        parents = m.body_weldid[m.body_parentid[weld]]
        if filtering and weld.all() and (weld[0] == parents[1] or weld[1] == parents[0]):
            continue
        priority = m.geom_priority[[a, b]]
        dims = m.geom_condim[[a, b]]
        dimension = dims.max() if priority[0] == priority[1] else dims[priority.argmax()]
        yield Touch(int(a), int(b), -1, int(dimension))


def is_ground(m: mujoco.MjModel, geom: int) -> bool:
    """Return whether a geom is a plane that nothing moves."""
    return bool(m.geom_type[geom] == int(_GEOM.mjGEOM_PLANE) and m.body_weldid[m.geom_bodyid[geom]] == 0)


def on_ground(m: mujoco.MjModel) -> list[Touch]:
    """Return the contacts with planes that stand still, the plane first."""
    found = []
    for t in touching(m):
        if is_ground(m, t.geom1) and m.geom_type[t.geom2] in _SHAPES:
            found.append(t)
        elif is_ground(m, t.geom2) and m.geom_type[t.geom1] in _SHAPES:
            found.append(t._replace(geom1=t.geom2, geom2=t.geom1))
    return found


class Parameters:
    """Friction and softness of contacts, mixed from the two geoms' as MuJoCo does (``mj_contactParam``)."""

    def __init__(self, m: mujoco.MjModel, contacts: list[Touch]) -> None:
        self._geoms = np.array([[t.geom1, t.geom2] for t in contacts], int).reshape(-1, 2).T
        self._bodies = m.geom_bodyid[self._geoms]
        self._pair = np.array([t.pair for t in contacts], int)
        priority, mix = m.geom_priority[self._geoms], np.maximum(m.geom_solmix[self._geoms], 0.0)
        share = np.where(mix.sum(0) > 0, mix[0] / np.maximum(mix.sum(0), 1e-15), 0.5)
        self._share = np.where(priority[0] > priority[1], 1.0, np.where(priority[0] < priority[1], 0.0, share))
        self._higher = np.sign(priority[0] - priority[1])
        margin = np.maximum(*m.geom_margin[self._geoms]) - np.maximum(*m.geom_gap[self._geoms])
        if m.npair:
            margin = np.where(self._pair >= 0, (m.pair_margin - m.pair_gap)[self._pair], margin)
        self.margin = margin
        self.has_friction = np.array([t.dimension > 1 for t in contacts], bool)

    def of(self, m: mjx.Model | mujoco.MjModel) -> tuple[Softness, Float[Array, " n"]]:
        """Return softness (n, 1) and coefficient of sliding friction (n,) of one body."""
        first, second = self._geoms
        share = self._share[:, None]
        ref = [jnp.asarray(m.geom_solref)[g] for g in self._geoms]
        timed = ((ref[0][:, :1] > 0) & (ref[1][:, :1] > 0)) | (share == 1.0) | (share == 0.0)
        solref = jnp.where(timed, share * ref[0] + (1 - share) * ref[1], jnp.minimum(*ref))
        imp = jnp.asarray(m.geom_solimp)
        solimp = share * imp[first] + (1 - share) * imp[second]
        fr = [jnp.asarray(m.geom_friction)[g, 0] for g in self._geoms]
        friction = jnp.where(self._higher > 0, fr[0], jnp.where(self._higher < 0, fr[1], jnp.maximum(*fr)))
        if (self._pair >= 0).any():
            own = self._pair >= 0
            solref = jnp.where(own[:, None], jnp.asarray(m.pair_solref)[self._pair], solref)
            solimp = jnp.where(own[:, None], jnp.asarray(m.pair_solimp)[self._pair], solimp)
            friction = jnp.where(own, jnp.asarray(m.pair_friction)[self._pair, 0], friction)
        inverse = jnp.asarray(m.body_invweight0)[self._bodies, 0].sum(0)
        soft = Softness(
            tuple(solref[:, i, None] for i in range(2)),
            tuple(solimp[:, i, None] for i in range(5)),
            jnp.maximum(inverse, 1e-9)[:, None],
        )
        return soft, jnp.where(self.has_friction, friction, 0.0)


class Ground:
    """The contacts of a tree with planes that stand still.

    A geom touches at fixed points: a sphere at its lowest, a capsule at the lowest of both ends, a box at its corners,
    a cylinder at points of both rims, an ellipsoid where its surface is lowest, a mesh at vertices of its hull: 32 at
    most, and fewer where many meshes touch, down to 8 of each.
    """

    def __init__(self, m: mujoco.MjModel, tree: SpatialTree) -> None:
        self._tree = tree
        contacts = on_ground(m)
        meshes = sum(int(m.geom_type[t.geom2]) == int(_GEOM.mjGEOM_MESH) for t in contacts)
        vertices = max(_LEAST_VERTICES, min(_MOST_VERTICES, _MOST_OF_ALL // max(meshes, 1)))
        rows, locals_, radii, shapes, turns = [], [], [], [], []
        for i, t in enumerate(contacts):
            for local, radius, shape in _points(m, t.geom2, vertices):
                rows.append(i)
                locals_.append(m.geom_pos[t.geom2] + matrix(m.geom_quat[t.geom2]) @ local)
                radii.append(radius)
                shapes.append(shape)
                turns.append(matrix(m.geom_quat[t.geom2]))
        self._row = np.array(rows, int)
        self._local, self._radius = np.array(locals_).reshape(-1, 3), np.array(radii)
        self._ellipsoid, self._turn = np.array(shapes).reshape(-1, 3), np.array(turns).reshape(-1, 3, 3)
        self._parameters = Parameters(m, contacts)
        self._body = m.geom_bodyid[[t.geom2 for t in contacts]][self._row] if contacts else np.zeros(0, int)
        planes = [t.geom1 for t in contacts]
        data = mujoco.MjData(m)
        mujoco.mj_kinematics(m, data)  # planes on the world stand where they are in any pose
        self._normal = data.geom_xmat[planes][:, [2, 5, 8]][self._row] if contacts else np.zeros((0, 3))
        self._origin = data.geom_xpos[planes][self._row] if contacts else np.zeros((0, 3))
        plane = np.array(planes, int)[self._row] if contacts else np.zeros(0, int)
        pairs, first, which = np.unique(
            np.stack([self._body, plane], 1), axis=0, return_index=True, return_inverse=True
        )
        self.body = pairs[:, 0]
        """the bodies that may touch, one for each plane"""
        self._of_touch = (which.reshape(-1) == np.arange(len(pairs))[:, None]).astype(np.float32)
        self._normal_of_touch = self._normal[first]

    def __len__(self) -> int:
        return len(self._row)

    def parameters(self, m: mjx.Model) -> tuple[Array, ...]:
        """Return what `forces` needs to know of a body, as a tuple of arrays (point, …)."""
        soft, friction = self._parameters.of(m)
        return tuple(a[self._row] for a in (*soft.solref, *soft.solimp, soft.inverse_mass, friction[:, None]))

    def gaps(self, frames: Frames) -> tuple[Float[Array, "point 3 b"], Float[Array, "point b"]]:
        """Return the points, and how far each is above its plane, m."""
        points = self._tree.points(frames, self._body, self._local)
        normal = self._normal[..., None]
        if self._ellipsoid.any():
            turn = frames.rotation[self._body]
            facing = times_constant(turn, self._turn)
            inward = jnp.einsum("nijb,ni->njb", facing, self._normal, precision="highest")
            reach = self._ellipsoid[..., None] ** 2 * inward
            size = jnp.sqrt((reach * inward).sum(1) + 1e-20)[:, None]
            points = points - apply(facing, reach / size)
        points = points - self._radius[:, None, None] * normal
        margin = self._parameters.margin[self._row][:, None]
        return points, ((points - self._origin[..., None]) * normal).sum(1) - margin

    def forces(
        self, frames: Frames, motion: Float[Array, "body 6 b"], parameters: tuple[Array, ...], h: float
    ) -> tuple[Float[Array, "n 6 b"], Float[Array, "n 6 6 b"]]:
        """Return wrenches on `body` about the center, and by how much each falls per acceleration of its body."""
        first, second, *solimp, inverse, friction = parameters
        soft = Softness((first, second), tuple(solimp), inverse)
        points, gap = self.gaps(frames)
        normal = self._normal[..., None]
        arm = points - frames.center[None]
        of_body = motion[self._body]
        velocity = of_body[:, 3:] + cross(of_body[:, :3], arm)
        approach = (velocity * normal).sum(1)
        push = one_sided(soft, gap, approach, h)
        k, b = soft.stiffness_and_damping(h)
        weight = push.mass / (1.0 + h * b + h**2 * k)
        sideways = velocity - approach[:, None] * normal
        slip = slipping(weight, soft, friction * jnp.maximum(push.force, 0.0), sideways, h)
        held = jnp.where(friction > 0, slip.mass, 0.0)
        force = push.force[:, None] * normal + jnp.where(friction[:, None] > 0, slip.force, 0.0)
        lever, more = cross(arm, jnp.asarray(normal)), push.mass - held
        each = [cross(arm, force), force, held[:, None], held[:, None] * arm, held[:, None] * _products(arm)]
        each += [more[:, None], more[:, None] * lever, more[:, None] * _products(lever)]
        sizes = np.cumsum([part.shape[1] for part in each])[:-1]
        moment, force, *of_sides, mass, first, second = jnp.split(self._gather(jnp.concatenate(each, 1)), sizes, 1)
        return jnp.concatenate([moment, force], 1), _as_inertia(*of_sides) + self._along(mass, first, second)

    def _gather(self, values: Array) -> Array:
        flat = values.reshape(values.shape[0], -1)
        return jnp.matmul(self._of_touch, flat, precision="highest").reshape(-1, *values.shape[1:])

    def _along(self, mass: Array, first: Array, second: Array) -> Float[Array, "n 6 6 b"]:
        """The response of what resists along the normal alone: Σ m·J·Jᵀ, where J is (arm × normal, normal)."""
        normal = self._normal_of_touch[..., None]
        mixed = first[:, :, None] * normal[:, None]
        return _of_blocks(_square(second), mixed, mass[:, :, None] * normal[:, :, None] * normal[:, None])


_PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
"""where a symmetric matrix of 3 × 3 has its six numbers"""


def _products(a: Float[Array, "n 3 b"]) -> Float[Array, "n 6 b"]:
    """Return the six numbers of a·aᵀ."""
    return jnp.stack([a[:, i] * a[:, j] for i, j in _PAIRS], 1)


def _square(six: Float[Array, "n 6 b"]) -> Float[Array, "n 3 3 b"]:
    place = {pair: i for i, pair in enumerate(_PAIRS)}
    rows = [[six[:, place[min(i, j), max(i, j)]] for j in range(3)] for i in range(3)]
    return jnp.stack([jnp.stack(row, 1) for row in rows], 1)


def _as_inertia(mass: Array, first: Array, second: Array) -> Float[Array, "n 6 6 b"]:
    """The response of what resists alike in every direction, which is that of point masses: Σ m, Σ m·a, Σ m·a·aᵀ."""
    unit, square = np.eye(3)[None, ..., None], _square(second)
    turning = jnp.trace(square, axis1=1, axis2=2)[:, None, None] * unit - square
    nothing = jnp.zeros_like(first[:, 0])
    x, y, z = (first[:, i] for i in range(3))
    rows = [[nothing, -z, y], [z, nothing, -x], [-y, x, nothing]]
    mixed = jnp.stack([jnp.stack(row, 1) for row in rows], 1)
    return _of_blocks(turning, mixed, mass[:, :, None] * unit)


def _of_blocks(turning: Array, mixed: Array, sliding: Array) -> Float[Array, "n 6 6 b"]:
    upper = jnp.concatenate([turning, mixed], 2)
    return jnp.concatenate([upper, jnp.concatenate([jnp.swapaxes(mixed, 1, 2), sliding], 2)], 1)


def _points(m: mujoco.MjModel, geom: int, vertices: int) -> Iterator[tuple[np.ndarray, float, np.ndarray]]:
    """Yield place in the geom's frame (m), radius (m) and half axes of an ellipsoid (0 for others) of each point."""
    kind, size, none = m.geom_type[geom], m.geom_size[geom], np.zeros(3)
    if kind == int(_GEOM.mjGEOM_SPHERE):
        yield none, size[0], none
    elif kind == int(_GEOM.mjGEOM_CAPSULE):
        for side in (-1.0, 1.0):
            yield np.array([0, 0, side * size[1]]), size[0], none
    elif kind == int(_GEOM.mjGEOM_ELLIPSOID):
        yield none, 0.0, size.copy()
    elif kind == int(_GEOM.mjGEOM_BOX):
        for corner in np.ndindex(2, 2, 2):
            yield (2.0 * np.array(corner) - 1.0) * size, 0.0, none
    elif kind == int(_GEOM.mjGEOM_CYLINDER):
        for side in (-1.0, 1.0):
            for angle in 2 * np.pi * np.arange(_RIM) / _RIM:
                yield np.array([size[0] * np.cos(angle), size[0] * np.sin(angle), side * size[1]]), 0.0, none
    else:
        for vertex in _hull(m, int(m.geom_dataid[geom]), vertices):
            yield vertex, 0.0, none


def _hull(m: mujoco.MjModel, mesh: int, most: int) -> Float[np.ndarray, "n 3"]:
    """Return vertices of a mesh's hull, ``most`` of them: each the farthest from those before."""
    from scipy.spatial import ConvexHull

    first, count = m.mesh_vertadr[mesh], m.mesh_vertnum[mesh]
    vertices = m.mesh_vert[first : first + count].astype(float)
    hull = vertices[ConvexHull(vertices).vertices]
    chosen = [int(np.argmax(((hull - hull.mean(0)) ** 2).sum(1)))]
    while len(chosen) < min(len(hull), most):
        chosen.append(int(np.argmax(((hull[:, None] - hull[chosen]) ** 2).sum(2).min(1))))
    return hull[chosen]
