"""Functions of one coordinate, and polynomials in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from numpy.polynomial import chebyshev, polynomial

Law = Callable[[np.ndarray], np.ndarray]
"""Values (n,) of a coordinate → values (n,), rad or m."""

DEGREE = 4
"""Highest power in MuJoCo's coupling of two joints (MuJoCo documentation, XML reference, equality/joint/polycoef)."""
_SAMPLES = 400
_LINEAR = 1e-9
"""A law that is this near to a straight line over its range, rad or m, is one."""


@attrs.frozen(eq=False)
class Fit:
    """A polynomial in place of a law.

    Attributes:
        coef: (5,) coefficients of 1, x, …, x⁴.
        error: largest difference from the law over its range, rad or m.
    """

    coef: np.ndarray
    error: float

    @property
    def linear(self) -> bool:
        """Whether the law is a straight line."""
        return not self.coef[2:].any()

    @property
    def constant(self) -> bool:
        """Whether the law does not depend on the coordinate."""
        return not self.coef[1:].any()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return polynomial.polyval(x, self.coef)


def fit(law: Law, low: float, high: float) -> Fit:
    """Fit a law over [low, high]; least squares at Chebyshev's points, which is close to the smallest largest error."""
    middle, half = (low + high) / 2, (high - low) / 2
    u = np.cos(np.pi * (np.arange(_SAMPLES) + 0.5) / _SAMPLES)
    x = middle + half * u
    y = law(x)
    for degree in (0, 1, DEGREE):
        found = chebyshev.cheb2poly(chebyshev.chebfit(u, y, degree))
        coef = np.zeros(DEGREE + 1)
        for k, c in enumerate(found):  # c·((x − middle)/half)^k in powers of x
            power = c * polynomial.polypow([-middle / half, 1 / half], k)
            coef[: k + 1] += power
        error = float(np.abs(polynomial.polyval(x, coef) - y).max())
        if error < _LINEAR * max(1.0, float(np.abs(y).max())) and degree < DEGREE:
            return Fit(_tidy(coef), error)
    return Fit(coef, error)


def _tidy(coef: np.ndarray) -> np.ndarray:
    """Whole numbers where rounding alone is in the way: a slope of 1 is 1."""
    near = np.round(coef)
    return np.where(np.abs(coef - near) < 1e-9, near, coef)


def law_of(function: Any, vector_class: Any, scale: float = 1.0) -> Law:
    """Return a law that evaluates an OpenSim ``Function`` of one argument."""
    return lambda x: np.array([scale * function.calcValue(vector_class(1, float(v))) for v in np.atleast_1d(x)])


def after(outer: Law, inner: Law) -> Law:
    """Return x → outer(inner(x))."""
    return lambda x: outer(inner(x))
