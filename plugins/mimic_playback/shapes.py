"""Points on the surface of a body's geoms: what a picture must hold, and what outlines are made of."""

from __future__ import annotations

import mujoco
import numpy as np

from mimic_drawing import seen_geoms

HIDDEN_GROUP = 5
_RINGS, _AROUND = 13, 24


def surfaces(model: mujoco.MjModel) -> dict[int, np.ndarray]:
    """Geom → (point, 3) m on its surface in the geom's frame, for every geom that is seen and has an end."""
    found = {g: _surface(model, g) for g in seen_geoms(model)}
    return {g: points for g, points in found.items() if points is not None}


def placed(data: mujoco.MjData, found: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Geom → (point, 3) m in the world, of what `surfaces` found, in the pose of ``data``."""
    return {g: points @ data.geom_xmat[g].reshape(3, 3).T + data.geom_xpos[g] for g, points in found.items()}


def _surface(model: mujoco.MjModel, geom: int) -> np.ndarray | None:
    kinds, size = mujoco.mjtGeom, model.geom_size[geom]
    kind = kinds(int(model.geom_type[geom]))
    if kind == kinds.mjGEOM_SPHERE:
        return _sphere() * size[0]
    if kind == kinds.mjGEOM_ELLIPSOID:
        return _sphere() * size
    if kind in (kinds.mjGEOM_CAPSULE, kinds.mjGEOM_CYLINDER):
        ends = np.array([[0.0, 0.0, size[1]], [0.0, 0.0, -size[1]]])
        cap = _sphere() if kind == kinds.mjGEOM_CAPSULE else _circle()
        return np.concatenate([cap * size[0] + end for end in ends])
    if kind == kinds.mjGEOM_BOX:
        return np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * size
    if kind == kinds.mjGEOM_MESH:
        return _mesh(model, int(model.geom_dataid[geom]))
    return None  # planes and height fields have no outline


def _circle() -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    return np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)


def _sphere() -> np.ndarray:
    heights = np.cos(np.linspace(0, np.pi, _RINGS))
    return np.concatenate([_circle() * np.sqrt(1 - z**2) + [0, 0, z] for z in heights])


def _mesh(model: mujoco.MjModel, mesh: int) -> np.ndarray:
    """The corners of a mesh's convex hull, which have its outline."""
    from scipy.spatial import ConvexHull, QhullError

    at = model.mesh_vertadr[mesh]
    points = np.asarray(model.mesh_vert[at : at + model.mesh_vertnum[mesh]], float)
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:  # flat
        return points
