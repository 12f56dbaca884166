"""The muscles' strength, size and static curves, as MuJoCo itself has them in the compiled body."""

from __future__ import annotations

from typing import Any, NamedTuple

import attrs
import numpy as np

from mimic_core import BodyModel

_GRID = np.linspace(0.0, 2.5, 501)
"""Fibre lengths over the optimal one at which the curves are tabulated."""

_PARAMETERS = 9
"""How many numbers MuJoCo's muscle functions take of ``gainprm`` and ``biasprm``."""


class Static(NamedTuple):
    """(muscle,) each."""

    length: Any
    """fibre length over the optimal one"""
    active: Any
    """N, active force at full activation and zero velocity"""
    passive: Any
    """N"""


@attrs.frozen(eq=False)
class Muscles:
    """Every muscle of a body, in the body's order.

    Attributes:
        max_force: (muscle,) N, maximum isometric force.
        optimal_length: (muscle,) m, optimal fibre length.
        shortest: (muscle,) m, shortest path over the joints' range.
        lowest: (muscle,) fibre length there, in optimal ones.
        active, passive: (muscle, grid) N, forces over `_GRID`.
    """

    max_force: np.ndarray
    optimal_length: np.ndarray
    shortest: np.ndarray
    lowest: np.ndarray
    active: np.ndarray
    passive: np.ndarray

    @classmethod
    def of(cls, model: BodyModel) -> Muscles:
        import mujoco

        described = {m.name: m for m in model.body.muscles}
        rows = []
        for name in model.muscle_names:
            compiled, (low, high) = model.mj_model.actuator(name), described[name].operating_range
            shortest, longest = span = compiled.lengthrange
            optimal = (longest - shortest) / (high - low)
            gain, bias = compiled.gainprm[:_PARAMETERS], compiled.biasprm[:_PARAMETERS]
            acc0 = float(compiled.acc0[0])

            def path(fibre: float, shortest=shortest, low=low, optimal=optimal) -> float:
                return shortest + (fibre - low) * optimal

            # MuJoCo counts a pull as negative
            active = [-mujoco.mju_muscleGain(path(x), 0.0, span, acc0, gain) for x in (*_GRID, 1.0)]
            passive = [-mujoco.mju_muscleBias(path(x), span, acc0, bias) for x in _GRID]
            rows.append((active[-1], optimal, shortest, low, active[:-1], passive))
        return cls(*(np.array(column) for column in zip(*rows, strict=True)))

    def static(self, path_length: Any) -> Static:
        """Return length and static forces of the muscles at their path lengths (muscle,), m."""
        import jax.numpy as jnp

        length = self.lowest + (path_length - self.shortest) / self.optimal_length
        place = jnp.clip(length / _GRID[-1], 0.0, 1.0) * (len(_GRID) - 1)
        below = jnp.minimum(place.astype(int), len(_GRID) - 2)[:, None]

        def between(table: np.ndarray) -> Any:
            low, high = (jnp.take_along_axis(jnp.asarray(table), at, axis=1)[:, 0] for at in (below, below + 1))
            return low + (place - below[:, 0]) * (high - low)

        return Static(length, between(self.active), between(self.passive))
