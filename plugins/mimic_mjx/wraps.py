"""Where tendons touch the spheres and cylinders that they wrap around.

The path over a surface is MuJoCo's (documentation, "Computation: Tendon"; ``mju_wrap`` of its C engine), found in the
plane in which it lies: on the outside an arc between two tangents; on the inside one point at which both ends are seen
under the same angle. Choices (whether it wraps, which way round) are made without slopes; what follows from them has
slopes, also where a path only just touches: angles come of ``arctan2``, never of ``arccos``.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float

from mimic_mjx.vectors import cross

_TINY = 1e-24
_BISECTIONS = 22
_BACK = -1e-4
"""rad; an arc a little below 0 is none, one further below goes round the other way"""


class Path(NamedTuple):
    """How each tendon passes its surface; where it does not touch it, both points are one on the straight line."""

    first: Float[Array, "n 3 b"]
    """m, where it comes to the surface"""
    last: Float[Array, "n 3 b"]
    """m, where it leaves it"""
    arc: Float[Array, "n b"]
    """m, what lies between"""


class Surfaces:
    """Spheres and cylinders, each passed by one piece of a tendon.

    Args:
        radius: (n,) m.
        sphere: (n,) False for a cylinder.
        sided: (n,) whether the tendon is to pass on the side of a given point.
        inside: (n,) whether it passes within.
    """

    def __init__(self, radius: np.ndarray, sphere: np.ndarray, sided: np.ndarray, inside: np.ndarray) -> None:
        self._radius, self._sphere, self._sided = radius[:, None], sphere[:, None, None], sided[:, None]
        self._inside = np.flatnonzero(inside)

    def __call__(
        self,
        a: Float[Array, "n 3 b"],
        c: Float[Array, "n 3 b"],
        center: Float[Array, "n 3 b"],
        turn: Float[Array, "n 3 3 b"],
        side: Float[Array, "n 3 b"],
    ) -> Path:
        """Return the way from ``a`` over each surface to ``c``, all in the world, past ``side``."""
        local = [jnp.einsum("njib,njb->nib", turn, x - center, precision="highest") for x in (a, c, side)]
        axes = _axes(local[0], local[1], self._sphere)
        flat_a, flat_c, flat_side = (jnp.stack([(x * e).sum(1) for e in axes], 1) for x in local)
        first, last, arc, wraps = _outside(flat_a, flat_c, flat_side, self._radius, self._sided)
        if (i := self._inside).size:
            point, within = _within(flat_a[i], flat_c[i], self._radius[i])
            first, last = first.at[i].set(point), last.at[i].set(point)
            arc, wraps = arc.at[i].set(0.0), wraps.at[i].set(within)
        before, after = _size(flat_a - first), _size(last - flat_c)
        whole = before + arc + after
        rise = local[1][:, 2] - local[0][:, 2]
        along = jnp.asarray([0.0, 0.0, 1.0])[None, :, None] * ~self._sphere
        points = []
        for flat, so_far in ((first, before), (last, before + arc)):
            height = local[0][:, 2] + rise * so_far / whole
            at = axes[0] * flat[:, :1] + axes[1] * flat[:, 1:] + along * height[:, None]
            at = jnp.einsum("nijb,njb->nib", turn, at, precision="highest") + center
            points.append(jnp.where(wraps[:, None], at, 0.5 * (a + c)))
        climbed = jnp.where(self._sphere[:, 0], 0.0, rise * arc / whole)
        arc = jnp.where(wraps, jnp.sqrt(arc**2 + climbed**2 + _TINY), 0.0)
        return Path(*points, arc)


def _axes(a: Array, c: Array, sphere: np.ndarray) -> tuple[Array, Array]:
    """The two axes of each path's plane: of a sphere through its center and both ends, of a cylinder across it."""
    one = a / _size(a)[:, None]
    normal = cross(a, c)
    flat = (normal**2).sum(1, keepdims=True) < _TINY
    least = jax.nn.one_hot(jnp.argmin(jnp.abs(one), axis=1), 3, axis=1)
    normal = jnp.where(flat, cross(one, least), normal)
    two = cross(normal / _size(normal)[:, None], one)
    x, y = (np.eye(3)[i][None, :, None] for i in range(2))
    return jnp.where(sphere, one, x), jnp.where(sphere, two, y)


def _outside(
    a: Float[Array, "n 2 b"], c: Float[Array, "n 2 b"], side: Float[Array, "n 2 b"], r: np.ndarray, sided: np.ndarray
) -> tuple[Array, Array, Array, Bool[Array, "n b"]]:
    """Return the points where the tangents from a and c touch a circle, the arc between them, and whether it wraps."""
    a_, c_, side = (lax.stop_gradient(x) for x in (a, c, side))
    side = side / _size(side)[:, None]
    ways = []
    for way in (1.0, -1.0):
        first, last = _tangent(a_, r, way), _tangent(c_, r, -way)
        crossed = _cross_each_other(a_, first, c_, last)
        middle = first + last
        aside = (middle / _size(middle)[:, None] * side).sum(1)
        good = jnp.where(sided, aside, -((first - last) ** 2).sum(1))
        ways.append((jnp.where(crossed, -1e4, good), crossed))
    forward = ways[0][0] >= ways[1][0]
    crossed = jnp.where(forward, ways[0][1], ways[1][1])
    step = c_ - a_
    share = jnp.clip(-(a_ * step).sum(1) / ((step**2).sum(1) + _TINY), 0.0, 1.0)
    nearest = a_ + share[:, None] * step
    free = ((nearest**2).sum(1) > r**2) & (~sided | ((side * nearest).sum(1) >= 0))
    inner = ((a_**2).sum(1) < r**2) | ((c_**2).sum(1) < r**2)
    wraps = ~(free | inner | crossed)
    way = jnp.where(forward, 1.0, -1.0)
    # one that does not wrap is computed of points further out, where everything has a slope
    far = jnp.asarray([1.0, 0.0])[None, :, None] * 2 * r[:, None]
    first = _tangent(jnp.where(wraps[:, None], a, far), r, way)
    last = _tangent(jnp.where(wraps[:, None], c, -far), r, -way)
    turned = jnp.arctan2(way * (first[:, 1] * last[:, 0] - first[:, 0] * last[:, 1]), (first * last).sum(1))
    return first, last, r * jnp.where(turned < _BACK, turned + 2 * jnp.pi, turned), wraps


def _tangent(a: Array, r: np.ndarray, way: Array | float) -> Array:
    square = (a**2).sum(1)
    aside = jnp.stack([a[:, 1], -a[:, 0]], 1)
    beyond = jnp.sqrt(jnp.maximum(square - r**2, _TINY))
    return (r**2 / (square + _TINY))[:, None] * a + (way * r * beyond / (square + _TINY))[:, None] * aside


def _cross_each_other(a: Array, b: Array, c: Array, d: Array) -> Bool[Array, "n b"]:
    """Whether the segments from a to b and from c to d (n, 2, batch) have a point in common."""

    def turn(u: Array, v: Array) -> Array:
        return u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]

    one, two, between = b - a, d - c, c - a
    by = turn(one, two)
    safe = jnp.where(by == 0, 1.0, by)
    s, t = turn(between, two) / safe, turn(between, one) / safe
    return (by != 0) & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)


def _within(a: Float[Array, "n 2 b"], c: Float[Array, "n 2 b"], r: np.ndarray) -> tuple[Array, Bool[Array, "n b"]]:
    """Return the point of a circle that a path from a to c touches from within it, and whether it must.

    The point is where the path is shortest among those over the near side of the circle, found by bisection; a last
    Newton step gives it its slope.
    """
    a_, c_ = lax.stop_gradient(a), lax.stop_gradient(c)
    step = c_ - a_
    share = -(a_ * step).sum(1) / ((step**2).sum(1) + _TINY)
    nearest = a_ + jnp.clip(share, 0.0, 1.0)[:, None] * step
    hit = (share > 0) & (share < 1) & ((nearest**2).sum(1) <= r**2)
    inner = ((a_**2).sum(1) <= r**2) | ((c_**2).sum(1) <= r**2)
    start = jnp.arctan2(a_[:, 1], a_[:, 0])
    span = jnp.arctan2(a_[:, 0] * c_[:, 1] - a_[:, 1] * c_[:, 0], (a_ * c_).sum(1))
    wraps = ~(hit | inner)
    far = jnp.asarray([2.0, 0.0])[None, :, None] * r[:, None]
    a, c = jnp.where(wraps[:, None], a, far), jnp.where(wraps[:, None], c, far)
    start, span = jnp.where(wraps, start, 0.0), jnp.where(wraps, span, 0.0)

    def pull(angle: Array, a: Array, c: Array) -> Array:
        out, along = jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1), jnp.stack([-jnp.sin(angle), jnp.cos(angle)], 1)
        ends = [x - r[:, None] * out for x in (a, c)]
        return sum((along * x).sum(1) / _size(x) for x in ends)

    def halve(_: Array | int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = 0.5 * (low + high)
        further = pull(start + middle * span, lax.stop_gradient(a), lax.stop_gradient(c)) * jnp.sign(span) > 0
        return jnp.where(further, middle, low), jnp.where(further, high, middle)

    low, high = lax.fori_loop(0, _BISECTIONS, halve, (jnp.zeros_like(span), jnp.ones_like(span)))
    angle = lax.stop_gradient(start + 0.5 * (low + high) * span)
    held = lax.stop_gradient(a), lax.stop_gradient(c)
    slope = lax.stop_gradient(jax.jvp(lambda x: pull(x, *held), (angle,), (jnp.ones_like(angle),))[1])
    angle = angle - pull(angle, a, c) / jnp.where(jnp.abs(slope) < 1e-9, -1.0, slope)
    return r[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1), wraps


def _size(a: Array) -> Array:
    return jnp.sqrt((a**2).sum(1) + _TINY)
