"""Constraints as forces with continuous slopes: what MuJoCo's soft constraints do, without its solver.

MuJoCo lets a violated constraint accelerate towards a_ref = −b·v − k·r and gives it the force f = (a_ref − a)/R, with
R = (1 − d)/d·Â (MuJoCo documentation, "Computation: Soft constraint model"): a spring, a damper and a mass of 1/R. Here
that force is what it is there for a given set of active constraints; which are active, and whether a contact slips,
is decided by smooth functions of the state at the beginning of a step instead of by an optimisation within it.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

_MIN_IMPEDANCE, _MAX_IMPEDANCE = 1e-4, 0.9999
"""MuJoCo's own bounds, mjMINIMP and mjMAXIMP"""
_LEAST_WIDTH = 1e-6


class Softness(NamedTuple):
    """How a set of constraints gives way; arrays (n, b or 1)."""

    solref: tuple[Array, Array]
    """time constant (s) and damping ratio, or −stiffness and −damping per unit mass"""
    solimp: tuple[Array, ...]
    """d₀, d_width, width, midpoint, power"""
    inverse_mass: Array
    """Â, 1/kg (1/(kg·m²) for a joint): acceleration per unit force"""

    @classmethod
    def of(cls, solref: Array | np.ndarray, solimp: Array | np.ndarray, inverse_mass: Array | np.ndarray) -> Softness:
        """Take parameters as a model has them: solref (n, 2), solimp (n, 5), inverse_mass (n,)."""
        column = [jnp.asarray(a)[..., None] for a in (*np.moveaxis(solref, -1, 0), *np.moveaxis(solimp, -1, 0))]
        return cls(tuple(column[:2]), tuple(column[2:]), jnp.asarray(inverse_mass)[..., None])

    def impedance(self, depth: Float[Array, "n b"]) -> Float[Array, "n b"]:
        """Return d of a violation, by MuJoCo's sigmoid (documentation, "Modeling: Solver parameters")."""
        low, high, width, middle, power = self.solimp
        low, high = (jnp.clip(a, _MIN_IMPEDANCE, _MAX_IMPEDANCE) for a in (low, high))
        middle, power = jnp.clip(middle, _MIN_IMPEDANCE, _MAX_IMPEDANCE), jnp.maximum(power, 1.0)
        x = jnp.clip(jnp.abs(depth) / jnp.maximum(width, _LEAST_WIDTH), _LEAST_WIDTH, 1.0 - _LEAST_WIDTH)
        rising = x**power / middle ** (power - 1.0)
        falling = 1.0 - (1.0 - x) ** power / (1.0 - middle) ** (power - 1.0)
        y = jnp.where(power == 1.0, x, jnp.where(x <= middle, rising, falling))
        return low + y * (high - low)

    def stiffness_and_damping(self, timestep: float) -> tuple[Array, Array]:
        """Return k (1/s²) and b (1/s) of a_ref; the time constant is at least two steps, as MuJoCo has it."""
        first, second = self.solref
        top = jnp.clip(self.solimp[1], _MIN_IMPEDANCE, _MAX_IMPEDANCE)
        time = jnp.maximum(first, 2.0 * timestep)
        ratio = jnp.where(second > 0, second, 1.0)
        k = jnp.where(first > 0, 1.0 / (top * time * ratio) ** 2, -first / top**2)
        b = jnp.where(first > 0, 2.0 / (top * time), -second / top)
        return k, b

    def weight(self, depth: Float[Array, "n b"]) -> Float[Array, "n b"]:
        """Return 1/R, kg: force per unit of missing acceleration."""
        d = self.impedance(depth)
        return d / ((1.0 - d) * self.inverse_mass)


class Response(NamedTuple):
    """A force that resists, linearised over one step h; arrays (n, b)."""

    force: Array
    """at the beginning of the step, with what h of the present motion adds"""
    mass: Array
    """by how much the force falls per acceleration, kg"""


def smoothstep(x: Array) -> Array:
    """Return 0 below 0, 1 above 1, and 3x² − 2x³ between, which has continuous slopes."""
    x = jnp.clip(x, 0.0, 1.0)
    return x**2 * (3.0 - 2.0 * x)


def two_sided(soft: Softness, residual: Array, velocity: Array, h: float) -> Response:
    """Return the force that holds a residual at 0; both (n, b)."""
    return _response(soft.weight(residual), soft, residual, velocity, h)


def one_sided(soft: Softness, gap: Array, velocity: Array, h: float) -> Response:
    """Return the force that keeps a gap, and its rate (both (n, b)), from becoming negative.

    It sets in along a smoothstep over the depth in which the impedance rises, and ends where the spring no longer
    pushes harder than the damper holds back, so that nothing sticks that moves away.
    """
    middle = gap + 0.5 * h * velocity
    depth, width = jax.nn.relu(-middle), jnp.maximum(soft.solimp[2], _LEAST_WIDTH)
    k, b = soft.stiffness_and_damping(h)
    pushing = smoothstep((k * depth - b * velocity) / (0.1 * k * width))
    weight = soft.weight(depth) * smoothstep(depth / width) * pushing
    return _response(weight, soft, jnp.minimum(gap, 0.0), velocity, h)


def _response(weight: Array, soft: Softness, residual: Array, velocity: Array, h: float) -> Response:
    k, b = soft.stiffness_and_damping(h)
    return Response(-weight * (k * (residual + h * velocity) + b * velocity), weight * (1.0 + h * b + h**2 * k))


def slipping(weight: Array, soft: Softness, limit: Array, velocity: Array, h: float) -> Response:
    """Return what resists sliding: a damper that holds, up to a force ``limit`` (n, b) that it nears as it slips.

    Args:
        weight: (n, b) kg, 1/R.
        velocity: (n, k, b) along k directions; the force's ``mass`` is the same along each.
    """
    _, b = soft.stiffness_and_damping(h)
    speed = jnp.sqrt((velocity**2).sum(1) + 1e-12)
    held = limit / (limit + weight * b * speed + 1e-9)
    # of what is held back, W·(b·v + a), a share passes that falls with speed; its slope is the square of that share
    return Response(-(weight * held * b)[:, None] * velocity, weight * held**2 * (1.0 + h * b))
