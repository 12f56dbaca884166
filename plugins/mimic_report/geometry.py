"""The body as the replay draws it: shapes of its geoms, poses of its parts, paths of its muscles."""

from __future__ import annotations

import base64
from typing import Any

import attrs
import mujoco
import numpy as np

from mimic_core import Body, BodyModel
from mimic_drawing import add_sticks, seen_geoms

MAX_FACES = 4000
"""Meshes with more triangles are drawn as their convex hull."""

_TILES, _TILE_SIZE, _THIN = 12, 0.25, 0.002
"""of a floor: tiles along a side, their length and half their thickness in the page's lengths"""

_PRIMITIVES = {
    mujoco.mjtGeom.mjGEOM_SPHERE: "sphere",
    mujoco.mjtGeom.mjGEOM_CAPSULE: "capsule",
    mujoco.mjtGeom.mjGEOM_CYLINDER: "cylinder",
    mujoco.mjtGeom.mjGEOM_ELLIPSOID: "ellipsoid",
    mujoco.mjtGeom.mjGEOM_BOX: "box",
}


@attrs.frozen(eq=False)
class Figurine:
    """A body that can be posed and drawn.

    Attributes:
        geoms: those that are seen.
        parts: bodies that have such geoms and can move.
        muscles: name → sites that its path passes.
    """

    model: mujoco.MjModel
    geoms: tuple[int, ...]
    parts: tuple[int, ...]
    muscles: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, body: Body) -> Figurine:
        """Compile a body; a skeleton without geoms is drawn as sticks."""
        model = BodyModel.compile(body).mj_model
        if not seen_geoms(model):
            spec = body.spec()
            add_sticks(spec, body)
            model = spec.compile()
        geoms = tuple(seen_geoms(model))
        owners = dict.fromkeys(int(model.geom_bodyid[g]) for g in geoms)
        return cls(
            model,
            geoms,
            tuple(b for b in owners if model.body_weldid[b]),
            {m.name: tuple(model.site(s).id for s in m.path) for m in body.muscles} | _own_muscles(body, model),
        )

    def poses(self, qpos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Poses and muscle paths for a movement.

        Args:
            qpos: (step, qpos).

        Returns:
            (step, part, 7) positions (m) and quaternions; (step, point, 3) m along the muscles, one after the other.
        """
        sites = [s for path in self.muscles.values() for s in path]
        poses, points = np.empty((len(qpos), len(self.parts), 7)), np.empty((len(qpos), len(sites), 3))
        data = mujoco.MjData(self.model)
        for step, q in enumerate(qpos):
            data.qpos[:] = q
            mujoco.mj_kinematics(self.model, data)
            poses[step, :, :3], poses[step, :, 3:] = data.xpos[list(self.parts)], data.xquat[list(self.parts)]
            points[step] = data.site_xpos[sites]
        return poses, points

    def shapes(self, centre: np.ndarray, unit: float) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Describe the geoms for the page.

        Args:
            centre: (3,) m, where the page has its origin.
            unit: m in the page's length.

        Returns:
            geoms, each in the frame of the part ``body``, or of the world (-1); meshes by name.
        """
        m, data, geoms, meshes = self.model, mujoco.MjData(self.model), [], {}
        mujoco.mj_kinematics(m, data)
        for g in self.geoms:
            owner, kind = int(m.geom_bodyid[g]), mujoco.mjtGeom(int(m.geom_type[g]))
            if owner in self.parts:
                part, pos, quat = self.parts.index(owner), m.geom_pos[g] / unit, m.geom_quat[g]
            else:
                quat = np.empty(4)
                mujoco.mju_mat2Quat(quat, data.geom_xmat[g])
                part, pos = -1, (data.geom_xpos[g] - centre) / unit
            shape = {"body": part, "kind": _PRIMITIVES.get(kind, "mesh"), "size": _rounded(m.geom_size[g] / unit)}
            if shape["kind"] == "mesh":
                shape["mesh"] = f"mesh {m.geom_dataid[g]}"
                meshes[shape["mesh"]] = _mesh(m, int(m.geom_dataid[g]), unit)
            geoms.append({**shape, "pos": _rounded(pos), "quat": _rounded(quat)})
        return geoms, meshes

    def floor(self, centre: np.ndarray, unit: float) -> list[dict[str, Any]]:
        """Describe the planes of the world, below ``centre``, as the tiles of a chessboard; see `shapes`."""
        m, data, tiles = self.model, mujoco.MjData(self.model), []
        mujoco.mj_kinematics(m, data)
        planes = (m.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)) & (m.body_weldid[m.geom_bodyid] == 0)
        for g in np.flatnonzero(planes):
            frame, quat = data.geom_xmat[g].reshape(3, 3), np.empty(4)
            mujoco.mju_mat2Quat(quat, frame.ravel())
            away = (data.geom_xpos[g] - centre) / unit
            below = frame[:, 2] * (away @ frame[:, 2])
            half = _TILE_SIZE / 2
            for i, j in np.ndindex(_TILES, _TILES):
                if (i + j) % 2 == 0:
                    step = (np.array([i, j]) - (_TILES - 1) / 2) * _TILE_SIZE
                    pos = below + frame[:, :2] @ step - _THIN * frame[:, 2]
                    tiles.append(
                        {
                            "body": -1,
                            "kind": "box",
                            "size": [half, half, _THIN],
                            "pos": _rounded(pos),
                            "quat": _rounded(quat),
                        }
                    )
        return tiles

    def size_m(self) -> float:
        """How far the geoms reach from the origins of their parts, at most."""
        return float(max((self.model.geom_rbound[g] for g in self.geoms), default=0.0))


def _own_muscles(body: Body, model: mujoco.MjModel) -> dict[str, tuple[int, ...]]:
    """Muscles that the model itself has on tendons → sites that these pass; surfaces that they wrap are left out."""
    spec, paths = mujoco.MjSpec.from_string(body.actuators or "<mujoco/>"), {}
    for a in spec.actuators:
        if a.dyntype == mujoco.mjtDyn.mjDYN_MUSCLE and a.trntype == mujoco.mjtTrn.mjTRN_TENDON:
            tendon = model.tendon(a.target).id
            first = model.tendon_adr[tendon]
            along = range(first, first + model.tendon_num[tendon])
            sites = tuple(int(model.wrap_objid[w]) for w in along if model.wrap_type[w] == mujoco.mjtWrap.mjWRAP_SITE)
            paths |= {a.name: sites} if len(sites) > 1 else {}
    return paths


def _mesh(model: mujoco.MjModel, mesh: int, unit: float) -> dict[str, Any]:
    at, face = model.mesh_vertadr[mesh], model.mesh_faceadr[mesh]
    points = np.asarray(model.mesh_vert[at : at + model.mesh_vertnum[mesh]], float) / unit
    corners = np.asarray(model.mesh_face[face : face + model.mesh_facenum[mesh]])
    if len(corners) > MAX_FACES or len(points) > np.iinfo(np.uint16).max:
        points, corners = _hull(points)
    step = max(float(np.abs(points).max()), 1e-9) / 32000
    return {
        "unit": step,
        "points": encoded(np.round(points / step)),
        "corners": encoded(corners.astype(np.uint16).view(np.int16)),
    }


def _hull(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of the convex hull, and its triangles seen anticlockwise from outside."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(points)
    triangles = points[hull.simplices]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    inward = (normals * hull.equations[:, :3]).sum(1) < 0
    corners = np.where(inward[:, None], hull.simplices[:, ::-1], hull.simplices)
    return points[hull.vertices], np.searchsorted(hull.vertices, corners, sorter=np.argsort(hull.vertices))


def encoded(values: np.ndarray) -> str:
    """16-bit whole numbers, little-endian, as base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<i2").tobytes()).decode()


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{v:.6g}") for v in values]
