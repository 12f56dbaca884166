"""Steps in time that stay stable however stiff muscles, limits and springs are.

A Hill-type muscle resists lengthening with up to 2·a·F0/(L0·v_max), tens of N·s/m in a mouse. Where it pulls a light
bone along a slide, that brings a velocity to rest within 0.1 ms, and an explicit step of 1 ms overshoots, further each
time. Here forces that resist are taken at the end of the step, linearised at its beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
from jax import Array
from jaxtyping import Float
from mujoco import mjx

Force = Callable[[Array, Array], Array]
"""(position, velocity) -> force, element by element"""


def resistance(force: Force, position: Array, velocity: Array) -> tuple[Array, Array]:
    """Return by how much a force falls per position, and per velocity at rest; 0 where it rises.

    What rises drives, and an implicit step would damp it away. The slope over velocity is taken at rest because there a
    muscle's is steepest: one that shortens or lengthens fast resists no further change, and a step that relied on that
    would overshoot.

    Args:
        force: ``force(position, velocity)``, element by element.
        position, velocity: of one shape.
    """
    return response(lambda *at: (force(*at), ()), position, velocity)[1:]


def response(force: Callable[[Array, Array], tuple[Array, Any]], position: Array, velocity: Array):
    """Return what ``force(position, velocity)`` gives, forces and something beside them, and their `resistance`.

    Both points, as it moves and at rest, are evaluated together, and the function is differentiated once.
    """
    still, one = jnp.zeros_like(velocity), jnp.ones_like(position)
    points = jnp.stack([position, position]), jnp.stack([velocity, still])
    directions = jnp.stack([one, still]), jnp.stack([still, one])
    value, (slope, _) = jax.jvp(jax.vmap(force), points, directions)
    stiffness, damping = jax.nn.relu(-slope)
    return jax.tree.map(lambda a: a[0], value), stiffness, damping


def linearly_implicit_step(m: mjx.Model, d: mjx.Data, stiffness: Array, damping: Array) -> mjx.Data:
    """Advance by one time step h, implicit in position and velocity.

    (M + h·B + h²·K)·Δv = h·(f − h·K·v), the linearly implicit Euler method (Hairer & Wanner 1996, *Solving Ordinary
    Differential Equations II*, IV.9), where K and B are the `resistance` of all forces.

    Args:
        stiffness, damping: (nv,) resistance of the forces in ``d.qfrc_applied``.
    """
    d, h = mjx.forward(m, d), m.opt.timestep
    k = jnp.diag(stiffness + joint_stiffness(m))
    b = jnp.diag(damping) + _dampers(m, d)
    if m.nu:
        of_actuators = resistance(_actuator_force(m, d), d.actuator_length, d._impl.actuator_velocity)
        k, b = (a + _on_joints(d._impl.actuator_moment, each) for a, each in zip((k, b), of_actuators, strict=True))
    return _advance(m, d, h * b + h**2 * k, -h * k @ d.qvel)


def implicit_step(m: mjx.Model, d: mjx.Data) -> mjx.Data:
    """Advance by one time step h, implicit in velocity: MuJoCo's ``implicitfast`` as the C engine has it.

    (M + h·B)·Δv = h·f, where B is how the forces of dampers and actuators fall with velocity. MJX's own step leaves
    muscles out of B.
    """
    d = mjx.forward(m, d)
    b = _dampers(m, d)
    if m.nu:
        force = _actuator_force(m, d)
        falls = _fall(lambda v: force(d.actuator_length, v), d._impl.actuator_velocity)
        b = b + _on_joints(d._impl.actuator_moment, falls)
    return _advance(m, d, m.opt.timestep * b, jnp.zeros(m.nv))


def joint_stiffness(m: mujoco.MjModel | mjx.Model) -> Float[Array, " nv"]:
    """Return the springs of hinges and slides by degree of freedom, N·m/rad or N/m."""
    kinds = mujoco.mjtJoint
    single = (m.jnt_type == int(kinds.mjJNT_HINGE)) | (m.jnt_type == int(kinds.mjJNT_SLIDE))
    return jnp.zeros(m.nv).at[m.jnt_dofadr[single]].set(m.jnt_stiffness[single])


def _fall(f: Callable[[Array], Array], x: Array) -> Array:
    return jax.nn.relu(-jax.jvp(f, (x,), (jnp.ones_like(x),))[1])


def _actuator_force(m: mjx.Model, d: mjx.Data) -> Force:
    def force(length: Array, velocity: Array) -> Array:
        at = d.replace(actuator_length=length).tree_replace({"_impl.actuator_velocity": velocity})
        return mjx.fwd_actuation(m, at).actuator_force

    return force


def _dampers(m: mjx.Model, d: mjx.Data) -> Float[Array, "nv nv"]:
    own = jnp.diag(m.dof_damping)
    return own + _on_joints(d._impl.ten_J, m.tendon_damping) if m.ntendon else own


def _on_joints(moment: Float[Array, "n nv"], each: Float[Array, " n"]) -> Float[Array, "nv nv"]:
    return moment.T @ (each[:, None] * moment)


def _advance(m: mjx.Model, d: mjx.Data, more_mass: Float[Array, "nv nv"], more_force: Float[Array, " nv"]) -> mjx.Data:
    force = d.qfrc_smooth + d.qfrc_constraint + more_force
    d = d.replace(qacc=jax.scipy.linalg.solve(mjx.full_m(m, d) + more_mass, force, assume_a="pos"))
    undamped = m.opt.replace(disableflags=m.opt.disableflags | mujoco.mjtDisableBit.mjDSBL_EULERDAMP)
    return mjx.euler(m.replace(opt=undamped), d)
