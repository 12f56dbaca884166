"""Drag of the air or water around a body.

Every body is taken for the box that has its inertia, with a quadratic drag that grows with the density of the fluid
and a linear one that grows with its viscosity: MuJoCo's inertia-based model (documentation, "Computation: Passive
forces"). Geoms that ask for MuJoCo's ellipsoid model (``fluidshape``) are not known.
"""

from __future__ import annotations

import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_mjx.spatial import Frames, SpatialTree
from mimic_mjx.vectors import apply, cross, matrix, times_constant


def ellipsoids(m: mujoco.MjModel) -> bool:
    """Return whether a geom in a fluid asks for the ellipsoid model, which is not known here."""
    return bool((m.opt.density or m.opt.viscosity) and np.any(m.geom_fluid[:, 0]))


class Fluid:
    """The fluid around the bodies of a tree; its length is the number of bodies that it drags, 0 without a fluid."""

    def __init__(self, m: mujoco.MjModel, tree: SpatialTree) -> None:
        self._m, self._tree = m, tree
        wet = (m.body_mass > mujoco.mjMINVAL) & tree.moves.any(1)
        self.body = np.flatnonzero(wet) if m.opt.density or m.opt.viscosity else np.zeros(0, int)
        mass, inertia = m.body_mass[self.body, None], m.body_inertia[self.body]
        square = 6 * (inertia.sum(1, keepdims=True) - 2 * inertia) / mass
        self._box = np.sqrt(np.maximum(square, mujoco.mjMINVAL))
        self._turn = np.array([matrix(q) for q in m.body_iquat[self.body]]).reshape(-1, 3, 3)

    def __len__(self) -> int:
        return len(self.body)

    def forces(self, frames: Frames, motion: Float[Array, "body 6 b"]) -> Float[Array, "wet 6 b"]:
        """Return the drag on each body in ``body``, about the frames' center: torque (N·m), then force (N)."""
        m, b, box = self._m, self.body, self._box
        turn = times_constant(frames.rotation[b], self._turn)
        arm = self._tree.points(frames, b, m.body_ipos[b]) - frames.center[None]
        spin, speed = motion[b, :3], motion[b, 3:]
        speed = speed + cross(spin, arm) - m.opt.wind[None, :, None]
        back = jnp.swapaxes(turn, 1, 2)
        spin, speed = apply(back, spin), apply(back, speed)
        size = box.mean(1)
        one, two = np.roll(box, -1, axis=1), np.roll(box, -2, axis=1)
        linear = np.pi * m.opt.viscosity * np.stack([size**3, 3 * size])[:, :, None, None]
        quadratic = m.opt.density * np.stack([box * (one**4 + two**4) / 64, 0.5 * one * two])[..., None]
        torque, force = (
            -apply(turn, (k + q * jnp.abs(v)) * v) for k, q, v in zip(linear, quadratic, (spin, speed), strict=True)
        )
        return jnp.concatenate([torque + cross(arm, force), force], axis=1)
