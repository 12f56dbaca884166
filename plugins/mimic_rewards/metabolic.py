"""Cost of the energy that muscles turn over: heat and work."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from mimic_core import BodyModel, ConfigError, RewardSpec, StepView

_positive = attrs.validators.gt(0)
_not_negative = attrs.validators.ge(0)


@attrs.frozen
class Metabolic:
    """Settings of the metabolic cost: the values of Bhargava, Pandy & Anderson 2004 unless said otherwise.

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


def build(config: Metabolic, model: BodyModel) -> Callable[[StepView], object]:
    """c = Σ_m max(0, Ȧ + Ṁ + Ṡ + Ẇ) in W over the muscles.

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

    Raises:
        ConfigError: the body has no muscles.
    """
    import jax.numpy as jnp

    from mimic_rewards.curves import Muscles

    if not model.muscle_names:
        raise ConfigError(
            f"rewards.metabolic: body {model.body.name} is not driven by muscles; use actuation = 'hill', or "
            "rewards.mechanical_work instead"
        )
    muscles = Muscles.of(model)
    mass = muscles.max_force / config.specific_tension * muscles.optimal_length * config.density
    slow, fast, of_muscles = config.slow_twitch, 1.0 - config.slow_twitch, np.asarray(model.muscle_ids)

    def cost(step: StepView) -> object:
        static = muscles.static(step.muscle_length)
        force = jnp.maximum(step.muscle_force - static.passive, 0.0)
        isometric = step.activation[of_muscles] * static.active
        quarter_turn = 0.5 * jnp.pi * step.excitation[of_muscles]
        slow_share, fast_share = slow * jnp.sin(quarter_turn), fast * (1.0 - jnp.cos(quarter_turn))
        activation = config.activation_slow * slow_share + config.activation_fast * fast_share
        maintenance = config.maintenance_slow * slow_share + config.maintenance_fast * fast_share
        maintenance *= jnp.minimum(jnp.clip(static.length, 0.5, 1.0), jnp.clip(3.0 - 2.0 * static.length, 0.0, 1.0))
        speed = -step.muscle_velocity
        shortening = config.shortening_isometric * isometric + config.shortening_force * force
        heat = jnp.where(speed > 0, shortening, config.lengthening_force * force) * speed
        return jnp.maximum(mass * (activation + maintenance) + heat + force * speed, 0.0).sum()

    return cost


spec = RewardSpec(
    name="metabolic",
    config=Metabolic,
    build=build,
    units="W",
    cost=True,
    summary="cost of metabolic power: activation, maintenance and shortening heat, and work of the muscles",
    source="Bhargava, Pandy & Anderson 2004, doi:10.1016/S0021-9290(03)00239-2",
)
