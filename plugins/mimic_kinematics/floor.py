"""The floor of a model, and how high above it the body's geoms are.

A floor is a plane fixed in the world that a geom of the body may touch, as MuJoCo decides that: by ``contype`` and
``conaffinity`` or an explicit ``<contact><pair>``, less what ``<exclude>`` takes out.
"""

from __future__ import annotations

import attrs
import mujoco
import numpy as np

_UP = 0.5  # least cosine between a floor's normal and up; steeper planes are walls
_KINDS = mujoco.mjtGeom


@attrs.frozen(eq=False)
class Floor:
    """A plane and what can touch it.

    Attributes:
        name: of the plane.
        point: (3,) m, a point of it.
        normal: (3,) unit vector away from it.
        geoms: (geom,) ids of the body's geoms that can touch it.
        feet: (geom,) True for those at the tips of limbs: on bodies that carry no other body with such a geom. Where
            there are not two of these, as in a worm, all of them are.
    """

    name: str
    point: np.ndarray
    normal: np.ndarray
    geoms: np.ndarray
    feet: np.ndarray

    @property
    def height(self) -> float:
        """How far from the world's origin along its normal, m."""
        return float(self.point @ self.normal)


def floor_of(m: mujoco.MjModel) -> Floor | None:
    """Return the floor of a model; None where it has none, or nothing that can touch it.

    Of several planes it is the most level one; without gravity, z is up.
    """
    up = -m.opt.gravity / np.linalg.norm(m.opt.gravity) if m.opt.gravity.any() else np.array([0.0, 0.0, 1.0])
    data = mujoco.MjData(m)
    mujoco.mj_kinematics(m, data)
    best, level = None, _UP
    for g in np.flatnonzero((m.geom_type == int(_KINDS.mjGEOM_PLANE)) & (m.body_weldid[m.geom_bodyid] == 0)):
        normal = data.geom_xmat[g].reshape(3, 3)[:, 2].copy()
        geoms = _touching(m, int(g))
        if len(geoms) and normal @ up > level:
            name = m.geom(g).name or "floor"
            best = Floor(name, data.geom_xpos[g].copy(), normal, geoms, _at_tips(m, geoms))
            level = normal @ up
    return best


def _at_tips(m: mujoco.MjModel, geoms: np.ndarray) -> np.ndarray:
    bodies, carriers = m.geom_bodyid[geoms], set()
    for b in np.unique(bodies):
        while b := int(m.body_parentid[b]):
            carriers.add(b)
    tips = ~np.isin(bodies, list(carriers))
    return tips if len(np.unique(bodies[tips])) > 1 else np.ones(len(geoms), bool)


def _touching(m: mujoco.MjModel, plane: int) -> np.ndarray:
    """Ids of moving geoms that may collide with ``plane``."""
    kinds = (_KINDS.mjGEOM_SPHERE, _KINDS.mjGEOM_CAPSULE, _KINDS.mjGEOM_ELLIPSOID, _KINDS.mjGEOM_CYLINDER)
    known = [int(k) for k in (*kinds, _KINDS.mjGEOM_BOX, _KINDS.mjGEOM_MESH)]
    meets = ((m.geom_contype & m.geom_conaffinity[plane]) | (m.geom_contype[plane] & m.geom_conaffinity)) != 0
    excluded = {(int(s) >> 16, int(s) & 0xFFFF) for s in m.exclude_signature}
    here = int(m.geom_bodyid[plane])
    meets &= np.array([not {(b, here), (here, b)} & excluded for b in m.geom_bodyid.tolist()], bool)
    for a, b in zip(m.pair_geom1, m.pair_geom2, strict=True):
        if plane in (a, b):
            meets[b if a == plane else a] = True
    return np.flatnonzero(meets & (m.body_weldid[m.geom_bodyid] != 0) & np.isin(m.geom_type, known))


def geom_frames(m: mujoco.MjModel, qpos: np.ndarray, geoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (frame, geom, 3) m and axes (frame, geom, 3, 3) of geoms in poses (frame, nq)."""
    data = mujoco.MjData(m)
    pos, turn = np.empty((len(qpos), len(geoms), 3)), np.empty((len(qpos), len(geoms), 3, 3))
    for f, q in enumerate(qpos):
        data.qpos[:] = q
        mujoco.mj_kinematics(m, data)
        pos[f], turn[f] = data.geom_xpos[geoms], data.geom_xmat[geoms].reshape(-1, 3, 3)
    return pos, turn


def lowest_points(
    m: mujoco.MjModel, geoms: np.ndarray, pos: np.ndarray, turn: np.ndarray, normal: np.ndarray
) -> np.ndarray:
    """Return (frame, geom, 3) m, the point of each geom that is furthest against ``normal`` (3,).

    Args:
        pos, turn: as `geom_frames` returns them.
    """
    n = np.einsum("fgij,i->fgj", turn, normal)  # the normal in each geom's own frame
    out = np.empty_like(pos)
    for i, g in enumerate(geoms):
        out[:, i] = pos[:, i] + np.einsum("fij,fj->fi", turn[:, i], _support(m, int(g), n[:, i]))
    return out


def _support(m: mujoco.MjModel, g: int, n: np.ndarray) -> np.ndarray:
    """Furthest point (frame, 3) against directions n (frame, 3), in the geom's frame."""
    kind, size = m.geom_type[g], m.geom_size[g]
    if kind == int(_KINDS.mjGEOM_SPHERE):
        return -size[0] * n
    if kind == int(_KINDS.mjGEOM_CAPSULE):
        return -size[0] * n - np.sign(n[:, 2:]) * [0.0, 0.0, size[1]]
    if kind == int(_KINDS.mjGEOM_ELLIPSOID):
        return -(size**2) * n / np.linalg.norm(size * n, axis=1, keepdims=True)
    if kind == int(_KINDS.mjGEOM_BOX):
        return -np.sign(n) * size
    if kind == int(_KINDS.mjGEOM_CYLINDER):
        flat = n * [1.0, 1.0, 0.0]
        flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
        return -size[0] * flat - np.sign(n[:, 2:]) * [0.0, 0.0, size[1]]
    first = m.mesh_vertadr[m.geom_dataid[g]]
    vert = m.mesh_vert[first : first + m.mesh_vertnum[m.geom_dataid[g]]].astype(float)
    return vert[np.concatenate([(part @ vert.T).argmin(1) for part in np.array_split(n, 1 + len(n) // 500)])]


def heights(m: mujoco.MjModel, qpos: np.ndarray, floor: Floor) -> tuple[np.ndarray, np.ndarray]:
    """Return heights (frame, geom) m of the floor's geoms above it in poses (frame, nq), and their lowest points.

    The height is that of the geom's lowest point, negative below the floor.
    """
    points = lowest_points(m, floor.geoms, *geom_frames(m, qpos, floor.geoms), floor.normal)
    return (points - floor.point) @ floor.normal, points
