"""How far an activation can get from one frame to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
from scipy.integrate import solve_ivp

if TYPE_CHECKING:
    import mujoco

# places in MuJoCo's parameters of a muscle's dynamics (MuJoCo documentation, "Modeling: Muscles")
_ACTIVATION_TIME, _DEACTIVATION_TIME = 0, 1
_GRID = np.linspace(0.0, 1.0, 201)


@attrs.frozen(eq=False)
class Reach:
    """Highest and lowest activation a frame later, under full and under no excitation.

    da/dt = (u − a)/τ with τ = τ_act(0.5 + 1.5a) while u > a, and τ_deact/(0.5 + 1.5a) otherwise (Millard et al. 2013,
    doi:10.1115/1.4023390, as MuJoCo has it).

    Attributes:
        low, high: (muscle, grid) over activations of `_GRID`.
    """

    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, mj_model: mujoco.MjModel, muscles: np.ndarray, rate_hz: float) -> Reach:
        """Integrate the activation of every muscle (ids in MuJoCo's model) over a frame.

        A frame's activation is a value at an instant; the width of MuJoCo's ``tausmooth`` does not matter at full and
        at no excitation.
        """
        times = mj_model.actuator_dynprm[muscles]
        rises, falls = times[:, _ACTIVATION_TIME], times[:, _DEACTIVATION_TIME]
        over = 1.0 / rate_hz

        def after(rate, constant: float) -> np.ndarray:
            return solve_ivp(lambda t, a: rate(a) / constant, (0.0, over), _GRID, rtol=1e-9, atol=1e-12).y[:, -1]

        return cls(
            low=np.array([after(lambda a: -a * (0.5 + 1.5 * a), c) for c in falls]),
            high=np.array([after(lambda a: (1.0 - a) / (0.5 + 1.5 * a), c) for c in rises]),
        )

    def tangents(self, activation: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Return value and slope of the lowest, and of the highest activation after ``activation`` (…, muscle)."""
        return self._tangent(self.low, activation), self._tangent(self.high, activation)

    def _tangent(self, table: np.ndarray, activation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        from scipy.interpolate import CubicSpline

        values, slopes = np.empty_like(activation), np.empty_like(activation)
        for i, column in enumerate(table):
            curve = CubicSpline(_GRID, column)
            values[..., i], slopes[..., i] = curve(activation[..., i]), curve(activation[..., i], 1)
        return values, slopes
