"""Longer and shorter segments: a body's skeleton scaled part by part.

A segment is a body with joints together with the jointless bodies fixed to it; it is named after the
body with the joints.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from mimic_core.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    import mujoco


def scale_segments(spec: mujoco.MjSpec, factors: Mapping[str, float]) -> None:
    """Scale segments of ``spec`` in place; ``factors`` maps the first body of a segment to its factor.

    Within a segment every length grows by its factor: where the next bodies, joint anchors, sites, geoms and
    the centre of mass lie, and the geoms' sizes. Mass grows with the cube and inertia with the fifth power, as
    for a solid of the same density. Joint limits and muscle forces stay.

    Raises:
        ConfigError: a name is no body with a joint, or a factor is not positive.
    """
    if not factors:
        return
    bodies = {b.name: b for b in spec.bodies}
    for name, factor in factors.items():
        if name not in bodies:
            raise ConfigError(f"segment_scale: the skeleton has no body {name!r}{did_you_mean(name, bodies)}")
        if not len(bodies[name].joints):
            raise ConfigError(
                f"segment_scale: body {name!r} has no joint, so no segment begins there; name one that does"
            )
        if not factor > 0:
            raise ConfigError(f"segment_scale.{name}: must be > 0, got {factor}")
        _scale(spec, bodies[name], float(factor))


def _scale(spec: mujoco.MjSpec, body: mujoco.MjsBody, f: float) -> None:
    for joint in body.joints:
        joint.pos *= f
    for thing in (*body.sites, *body.cameras, *body.lights):
        thing.pos *= f
    for geom in body.geoms:
        _scale_geom(spec, geom, f)
    if body.explicitinertial:
        body.ipos *= f
        body.mass *= f**3
        body.inertia *= f**5
        body.fullinertia *= f**5
    for child in body.bodies:
        child.pos *= f
        if not len(child.joints):
            _scale(spec, child, f)


def _scale_geom(spec: mujoco.MjSpec, geom: mujoco.MjsGeom, f: float) -> None:
    geom.pos *= f
    geom.size *= f
    geom.fromto *= f
    if np.isfinite(geom.mass):
        geom.mass *= f**3
    if geom.meshname:
        geom.meshname = _scaled_mesh(spec, geom.meshname, f)


def _scaled_mesh(spec: mujoco.MjSpec, name: str, f: float) -> str:
    """Return the name of a mesh ``f`` times as large, made if it is not there; other geoms may use the first one."""
    scaled = f"{name} x {f!r}"
    if spec.mesh(scaled) is None:
        mesh = spec.mesh(name)
        copy = spec.add_mesh(name=scaled)
        for field in (
            "content_type", "file", "refpos", "refquat", "inertia", "smoothnormal", "needsdf", "maxhullvert",
            "uservert", "usernormal", "usertexcoord", "userface", "userfacetexcoord",
        ):  # fmt: skip
            setattr(copy, field, getattr(mesh, field))
        copy.scale = mesh.scale * f
    return scaled
