"""Products of vectors and matrices whose last axis is the batch.

They are written as `einsum`: XLA computes a product followed by a sum over an axis in the middle ten times slower on a
processor.
"""

from __future__ import annotations

import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float


def cross_matrix(a: np.ndarray) -> np.ndarray:
    """The matrix of a × ·."""
    x, y, z = a
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])


def matrix(quat: np.ndarray) -> np.ndarray:
    """The rotation matrix of a quaternion, w first."""
    out = np.zeros(9)
    mujoco.mju_quat2Mat(out, quat)
    return out.reshape(3, 3)


def apply_each(a: Float[Array, "n 3 3 b"], v: np.ndarray) -> Float[Array, "n 3 b"]:
    """Multiply each matrix by its own constant vector, ``v`` (n, 3)."""
    return jnp.einsum("nijb,nj->nib", a, v, precision="highest")


def times_constant(a: Float[Array, "n 3 3 b"], c: np.ndarray) -> Float[Array, "n 3 3 b"]:
    """Multiply each matrix by its own constant one, ``c`` (n, 3, 3), from the right."""
    return jnp.einsum("nijb,njk->nikb", a, c, precision="highest")


def apply(a: Float[Array, "n i j b"], v: Float[Array, "n j b"]) -> Float[Array, "n i b"]:
    """Multiply each matrix by its own vector."""
    return jnp.einsum("nijb,njb->nib", a, v, precision="highest")


def times(a: Float[Array, "n i j b"], c: Float[Array, "n j k b"]) -> Float[Array, "n i k b"]:
    """Multiply each matrix by its own, from the right."""
    return jnp.einsum("nijb,njkb->nikb", a, c, precision="highest")


def cross(a: Float[Array, "*n 3 #b"], c: Float[Array, "*n 3 #b"]) -> Float[Array, "*n 3 #b"]:
    """The cross product along the last axis but one."""
    ax, ay, az = (a[..., i, :] for i in range(3))
    cx, cy, cz = (c[..., i, :] for i in range(3))
    return jnp.stack([ay * cz - az * cy, az * cx - ax * cz, ax * cy - ay * cx], axis=-2)
