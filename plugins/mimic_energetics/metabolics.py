"""The energy that muscles turn over: their static curves in the compiled body, and a model of heat and work."""

from __future__ import annotations

from typing import Any, NamedTuple

import attrs
import numpy as np

from mimic_core import BodyModel

_positive = attrs.validators.gt(0)
_not_negative = attrs.validators.ge(0)

SOURCE = "Bhargava, Pandy & Anderson 2004, doi:10.1016/S0021-9290(03)00239-2"
"""Where the model of `metabolic_power` comes from."""

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

        rows = []
        for name in model.muscle_names:
            compiled = model.mj_model.actuator(name)
            low, high = compiled.gainprm[:2]  # the operating range, which an altered body has its own of
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


@attrs.frozen
class Metabolic:
    """Constants of the model of metabolic power: the values of Bhargava, Pandy & Anderson 2004 unless said otherwise.

    Attributes:
        slow_twitch: share of slow-twitch fibres; 0, since a mouse's limb muscles are almost all fast (Mathewson et
            al. 2012, doi:10.1111/j.1469-7580.2012.01559.x).
        activation_slow, activation_fast: activation heat of slow and of fast fibres at full excitation, W/kg.
        maintenance_slow, maintenance_fast: maintenance heat at full excitation and optimal length, W/kg.
        shortening_isometric, shortening_force: shortening heat per shortening distance, as shares of the force that the
            muscle would have if it kept its length, and of the force that it has.
        lengthening_force: what a stretched muscle gives off less, as a share of its force.
        specific_tension: Pa, gives a muscle's cross-section from its maximum isometric force (OpenSim's value).
        density: of muscle, kg/m³ (OpenSim's value).
    """

    slow_twitch: float = attrs.field(default=0.0, validator=[_not_negative, attrs.validators.le(1)])
    activation_slow: float = attrs.field(default=40.0, validator=_not_negative)
    activation_fast: float = attrs.field(default=133.0, validator=_not_negative)
    maintenance_slow: float = attrs.field(default=74.0, validator=_not_negative)
    maintenance_fast: float = attrs.field(default=111.0, validator=_not_negative)
    shortening_isometric: float = attrs.field(default=0.16, validator=_not_negative)
    shortening_force: float = attrs.field(default=0.18, validator=_not_negative)
    lengthening_force: float = attrs.field(default=0.157, validator=_not_negative)
    specific_tension: float = attrs.field(default=250e3, validator=_positive)
    density: float = attrs.field(default=1059.7, validator=_positive)


def metabolic_power(
    config: Metabolic, muscles: Muscles, *, excitation: Any, activation: Any, force: Any, length: Any, velocity: Any
) -> Any:
    """Metabolic power of every muscle, (muscle,) W: max(0, Ȧ + Ṁ + Ṡ + Ẇ).

    With mass m = (F_max/specific tension)·L_opt·density, excitation u, share s of slow fibres, fibre length l over the
    optimal one, shortening velocity v, active force F, and F_iso, what that would be at v = 0:

    - activation heat Ȧ = m·[a_slow·s·sin(πu/2) + a_fast·(1−s)·(1−cos(πu/2))]
    - maintenance heat Ṁ = m·g(l)·[m_slow·s·sin(πu/2) + m_fast·(1−s)·(1−cos(πu/2))], where g is 0.5 up to l = 0.5,
      1 at l = 1, 0 from l = 1.5 on, and straight between
    - shortening heat Ṡ = (0.16·F_iso + 0.18·F)·v while shortening, 0.157·F·v while lengthening
    - work Ẇ = F·v

    A muscle cannot take up energy, so its sum is never below 0. These are the equations of Bhargava, Pandy & Anderson
    2004 as OpenSim's ``Bhargava2004MuscleMetabolicsProbe`` writes them with a force-dependent shortening heat, without
    its basal rate. The constants were measured on muscles larger and colder than a mouse's.

    Args:
        config: constants.
        muscles: of the body.
        excitation, activation: (muscle,) 0 to 1.
        force: (muscle,) N, active and passive together, tension positive.
        length: (muscle,) m, of the path.
        velocity: (muscle,) m/s, lengthening positive.
    """
    import jax.numpy as jnp

    mass = muscles.max_force / config.specific_tension * muscles.optimal_length * config.density
    slow, fast = config.slow_twitch, 1.0 - config.slow_twitch
    static = muscles.static(length)
    active = jnp.maximum(force - static.passive, 0.0)
    isometric = activation * static.active
    quarter_turn = 0.5 * jnp.pi * excitation
    slow_share, fast_share = slow * jnp.sin(quarter_turn), fast * (1.0 - jnp.cos(quarter_turn))
    activated = config.activation_slow * slow_share + config.activation_fast * fast_share
    maintained = config.maintenance_slow * slow_share + config.maintenance_fast * fast_share
    maintained *= jnp.minimum(jnp.clip(static.length, 0.5, 1.0), jnp.clip(3.0 - 2.0 * static.length, 0.0, 1.0))
    speed = -velocity
    shortening = config.shortening_isometric * isometric + config.shortening_force * active
    heat = jnp.where(speed > 0, shortening, config.lengthening_force * active) * speed
    return jnp.maximum(mass * (activated + maintained) + heat + active * speed, 0.0)
