"""Models as MJX takes them."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from mujoco import mjx

from mimic_core import BodyModel


def put(host: mujoco.MjModel) -> mjx.Model:
    # named, since MJX would take its warp backend, which has no gradients, where warp-lang is installed
    return mjx.put_model(host, device=device(), impl="jax")


def device() -> jax.Device:
    """One of this process's own: MJX takes the first of all, which of several processes belongs to the first."""
    return jax.local_devices()[0]


def differences(plain: mjx.Model, hosts: Iterable[mujoco.MjModel]) -> dict[int, Array]:
    """Return which leaves of ``plain`` are not the same in all ``hosts``, each with its values (body, …)."""
    varied = [jax.tree.leaves(put(host)) for host in hosts]
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
    """Return a copy whose geoms do not collide by their own types; explicit pairs stay."""
    out = copy.copy(host)
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
