"""The Hill-type muscle's curves, as functions that broadcast over arrays.

MuJoCo computes these itself while it simulates; they are written out here so that they can be read, plotted,
tested against MuJoCo, and differentiated. The shapes are MuJoCo's (its documentation, "Muscle actuators"):
piecewise quadratic stand-ins for the curves of Millard, Uchida, Seth & Delp 2013 (doi:10.1115/1.4023390), with
a rigid tendon and no pennation. Conventions:

- ``length`` L: fibre length over optimal fibre length; 1 is where active force is largest.
- ``velocity`` V: shortening (-) or lengthening (+) over the largest shortening velocity; -1 is unloaded.
- forces over the maximum isometric force; all of them are tensions, so never negative.

``xp`` is the array module to compute with, numpy or jax.numpy.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from mimic_core import Muscle


def normalised_length(tendon_length: Any, length_range: Any, operating_range: tuple[float, float]) -> tuple[Any, Any]:
    """Return L and the optimal fibre length (m).

    The path's shortest and longest length (m) over the joints' range map onto ``operating_range``; what the
    path is longer than the fibres is the rigid tendon.

    Args:
        tendon_length: (...) m.
        length_range: (..., 2) m.
        operating_range: L at either end.
    """
    shortest, longest = length_range[..., 0], length_range[..., 1]
    low, high = operating_range
    optimal = (longest - shortest) / (high - low)
    return low + (tendon_length - shortest) / optimal, optimal


def active_force_length(length: Any, length_min: float = 0.5, length_max: float = 1.6, xp: ModuleType = np) -> Any:
    """Return F_L(L): active force at full activation and zero velocity.

    A bump made of four parabolas: 0 at and beyond ``length_min`` and ``length_max``, 1 at L = 1, 1/2 half-way
    between (at (length_min + 1)/2 and (1 + length_max)/2), with a continuous slope everywhere.
    """
    rise, fall = 0.5 * (1.0 - length_min), 0.5 * (length_max - 1.0)
    left = xp.where(
        length <= 1.0 - rise, 0.5 * ((length - length_min) / rise) ** 2, 1.0 - 0.5 * ((1.0 - length) / rise) ** 2
    )
    right = xp.where(
        length <= 1.0 + fall, 1.0 - 0.5 * ((length - 1.0) / fall) ** 2, 0.5 * ((length_max - length) / fall) ** 2
    )
    inside = (length >= length_min) & (length <= length_max)
    return xp.where(inside, xp.where(length <= 1.0, left, right), 0.0)


def force_velocity(velocity: Any, eccentric_force: float = 1.2, xp: ModuleType = np) -> Any:
    """Return F_V(V): factor on active force.

    (1 + V)^2 while shortening, 0 from V = -1 down; while lengthening a parabola that rises with slope 2 from 1 at
    V = 0 to ``eccentric_force`` F at V = F - 1 and stays there.
    """
    plateau = eccentric_force - 1.0
    shortening = (1.0 + xp.clip(velocity, -1.0, 0.0)) ** 2
    if plateau <= 0:
        return xp.where(velocity <= 0.0, shortening, eccentric_force)
    lengthening = eccentric_force - (plateau - xp.clip(velocity, 0.0, plateau)) ** 2 / plateau
    return xp.where(velocity <= 0.0, shortening, lengthening)


def passive_force_length(length: Any, passive_force: float = 1.3, length_max: float = 1.6, xp: ModuleType = np) -> Any:
    """Return F_P(L): force of the relaxed, stretched muscle.

    0 up to L = 1, then a parabola up to half of ``passive_force`` half-way to ``length_max``, then a straight line
    that goes on with the parabola's slope (and so reaches 3/2 of ``passive_force`` at ``length_max``).
    """
    half = 0.5 * (length_max - 1.0)
    x = (length - 1.0) / half
    toe = 0.5 * xp.clip(x, 0.0, 1.0) ** 2
    return passive_force * xp.where(x <= 1.0, toe, x - 0.5)


def tension(
    muscle: Muscle, tendon_length: Any, tendon_velocity: Any, activation: Any, length_range: Any, xp: ModuleType = np
) -> Any:
    """Return a muscle's tension F0 [a F_L(L) F_V(V) + F_P(L)], N.

    Args:
        tendon_length: (...) m.
        tendon_velocity: (...) m/s, lengthening positive.
        activation: (...) 0 to 1.
        length_range: (2,) m, the path's shortest and longest length over the joints' range.
    """
    length, optimal = normalised_length(tendon_length, length_range, muscle.operating_range)
    velocity = tendon_velocity / (optimal * muscle.max_shortening_velocity)
    active = active_force_length(length, muscle.length_min, muscle.length_max, xp)
    active = active * force_velocity(velocity, muscle.eccentric_force, xp)
    passive = passive_force_length(length, muscle.passive_force, muscle.length_max, xp)
    return muscle.max_isometric_force * (activation * active + passive)


def activation_rate(
    excitation: Any,
    activation: Any,
    activation_time: float = 0.01,
    deactivation_time: float = 0.04,
    smoothing: float = 0.0,
    xp: ModuleType = np,
) -> Any:
    """Return da/dt = (u - a) / tau(u, a), 1/s (Millard et al. 2013, eqs. 1 and 2).

    tau is ``activation_time`` (0.5 + 1.5 a) while u > a and ``deactivation_time`` / (0.5 + 1.5 a) otherwise. With
    ``smoothing`` w > 0 it goes from the second to the first over u - a from -w/2 to w/2, along the smoothstep
    6 x^5 - 15 x^4 + 10 x^3, so that the rate is smooth at u = a (MuJoCo's ``tausmooth``). Excitation, and activation
    where it sets tau, are clipped to 0..1.
    """
    gap = xp.clip(excitation, 0.0, 1.0) - activation
    factor = 0.5 + 1.5 * xp.clip(activation, 0.0, 1.0)
    rising, falling = activation_time * factor, deactivation_time / factor
    if smoothing > 0:
        x = xp.clip(gap / smoothing + 0.5, 0.0, 1.0)
        tau = falling + (rising - falling) * x**3 * (x * (6.0 * x - 15.0) + 10.0)
    else:
        tau = xp.where(gap > 0, rising, falling)
    return gap / tau
