"""How near to recorded EMG any activation can come that gives the torques of the movement."""

from __future__ import annotations

import attrs
import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

_TOO_SMALL = 1e-18


@attrs.frozen
class Reachable:
    """The nearest of all courses within a muscle's feasible range: no activation that moves the body so comes nearer.

    Attributes:
        mae: mean absolute difference from EMG.
        r2: largest R² of an affine fit with a slope not below 0.
        reversed_mae, reversed_r2: the same for EMG that runs backwards in time, which has nothing to do with the
            movement: what a range as wide as this one reaches by itself.
        outside: share of the instants at which EMG, as recorded, is beyond the range.
        samples: how many instants have a range.
        lowest, highest: mean ends of the range.
    """

    mae: float
    r2: float
    reversed_mae: float
    reversed_r2: float
    outside: float
    samples: int
    lowest: float
    highest: float

    @classmethod
    def of(
        cls,
        emg: Float[np.ndarray, " sample"],
        low: Float[np.ndarray, " sample"],
        high: Float[np.ndarray, " sample"],
        tolerance: float,
    ) -> Reachable:
        """Find it for one muscle; EMG counts as beyond the range from ``tolerance`` on."""
        back = emg[::-1]
        return cls(
            mae=float(_beyond(emg, low, high).mean()),
            r2=largest_r2(emg, low, high),
            reversed_mae=float(_beyond(back, low, high).mean()),
            reversed_r2=largest_r2(back, low, high),
            outside=float((_beyond(emg, low, high) > tolerance).mean()),
            samples=len(emg),
            lowest=float(low.mean()),
            highest=float(high.mean()),
        )


def _beyond(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.abs(x - np.clip(x, low, high))


def largest_r2(
    y: Float[np.ndarray, " sample"], low: Float[np.ndarray, " sample"], high: Float[np.ndarray, " sample"]
) -> float:
    """Return the largest R² of slope · x + offset beside ``y``, over slopes ≥ 0 and all x from ``low`` to ``high``.

    For a slope and an offset the best x is the nearest in the range, and the squared distance from a convex set that
    scales with the slope is convex in both, so that one descent finds the least (Boyd & Vandenberghe 2004, section
    3.2.5).
    """
    spread = float(y.std())
    if spread**2 < _TOO_SMALL:
        return 0.0
    z = (y - y.mean()) / spread

    def error(at: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offset = at
        goal = z - offset
        below, above = np.minimum(goal - slope * low, 0.0), np.maximum(goal - slope * high, 0.0)
        gradient = np.array([(below * low + above * high).mean(), (below + above).mean()])
        return float((below**2 + above**2).mean()), -2.0 * gradient

    found = minimize(
        error,
        np.array([1.0, 0.0]),
        jac=True,
        bounds=[(0.0, None), (None, None)],
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-10, "maxiter": 2000},
    )
    return float(np.clip(1.0 - found.fun, 0.0, 1.0))
