"""Models as MJX takes them."""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterable, Iterator

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from mujoco import mjx

from mimic_core import BodyModel

_COARSE = "has a coplanar face with more than"
_SHOWN = 4
"""names that are listed; the rest is counted"""


def put(host: mujoco.MjModel) -> mjx.Model:
    """Return a model as MJX takes it; what it simplifies about meshes is one warning."""
    with _meshes_in_one_line():
        return _put(host)


def blank(host: mujoco.MjModel) -> mjx.Data:
    """Return MJX's state of a model at its reference pose."""
    with _meshes_in_one_line(told=True):
        return mjx.make_data(host, device=device(), impl="jax")


def _put(host: mujoco.MjModel) -> mjx.Model:
    # named, since MJX would take its warp backend, which has no gradients, where warp-lang is installed
    return mjx.put_model(host, device=device(), impl="jax")


@contextlib.contextmanager
def _meshes_in_one_line(told: bool = False) -> Iterator[None]:
    """MJX warns of each mesh whose faces it thins out, each time; say it once for all, or not again."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    coarse = list(dict.fromkeys(str(w.message).split('"')[1] for w in caught if _COARSE in str(w.message)))
    for w in caught:
        if _COARSE not in str(w.message):
            warnings.warn_explicit(w.message, w.category, w.filename, w.lineno)
    if coarse and not told:
        more = f" and {len(coarse) - _SHOWN} more" if len(coarse) > _SHOWN else ""
        warnings.warn(
            f"MJX thins out flat faces of the meshes {', '.join(coarse[:_SHOWN])}{more} for their collisions",
            stacklevel=4,
        )


def device() -> jax.Device:
    """One of this process's own: MJX takes the first of all, which of several processes belongs to the first."""
    return jax.local_devices()[0]


def differences(plain: mjx.Model, hosts: Iterable[mujoco.MjModel]) -> dict[int, Array]:
    """Return which leaves of ``plain`` are not the same in all ``hosts``, each with its values (body, …)."""
    with _meshes_in_one_line(told=True):
        varied = [jax.tree.leaves(_put(host)) for host in hosts]
    return {
        i: jnp.stack([leaves[i] for leaves in varied])
        for i, leaf in enumerate(jax.tree.leaves(plain))
        if any(not np.array_equal(leaves[i], leaf) for leaves in varied)
    }


def flatten_impedance(host: mujoco.MjModel) -> None:
    """Make MJX treat the impedance of a joint limit of zero width as MuJoCo in C does.

    For a width of 0 in ``solimp``, C takes the mean of the two end values as the impedance and the second as d_max in
    k = 1/(d_max·τ·ζ)², b = 2/(d_max·τ); MJX takes the second for both, and a limb that touches a limit is off by
    2e-3 rad after 0.3 s. Both ends are set to the mean, and τ is scaled so that k and b stay what they were.
    """
    flat = (host.jnt_solimp[:, 2] <= mujoco.mjMINVAL) & (host.jnt_solref[:, 0] > 0)
    d_max = host.jnt_solimp[flat, 1].copy()
    mean = 0.5 * (host.jnt_solimp[flat, 0] + d_max)
    host.jnt_solref[flat, 0] *= d_max / mean
    host.jnt_solimp[flat, 0] = mean
    host.jnt_solimp[flat, 1] = mean


def untouching(host: mujoco.MjModel) -> mujoco.MjModel:
    """Return a copy whose geoms do not collide by their own types; explicit pairs stay, as ones of spheres."""
    out = copy.copy(host)
    out.geom_type[out.geom_type == int(mujoco.mjtGeom.mjGEOM_MESH)] = int(mujoco.mjtGeom.mjGEOM_SPHERE)
    out.geom_contype[:] = 0
    out.geom_conaffinity[:] = 0
    return out


def without_sensors(model: BodyModel) -> mujoco.MjModel:
    """The body without the sensors of its model, which nothing reads here and some of which MJX does not know."""
    if not model.mj_model.nsensor:
        return model.mj_model
    spec = model.editable()
    for sensor in list(spec.sensors):
        spec.delete(sensor)
    return spec.compile()
