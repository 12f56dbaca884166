"""Drawing bodies that differ a little from the body as it is.

A library that plugins share; it offers no component.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core import BodyModel
from mimic_core.physics import Randomisation

if TYPE_CHECKING:
    import mujoco

MUSCLE_FORCE = 2
"""Place of the maximum isometric force in MuJoCo's parameters of a muscle, of gain and of bias alike (MuJoCo
documentation, "Modeling: Muscles")."""
# places in MuJoCo's parameters of muscles (MuJoCo documentation, "Modeling: Muscles")
_RANGE_LOW, _RANGE_HIGH = 0, 1
_ACTIVATION_TIME, _DEACTIVATION_TIME = 0, 1


@attrs.frozen(eq=False)
class AlteredBodies:
    """Bodies that differ from one another in some numbers.

    Attributes:
        fields: array of MuJoCo's model → its values in each body, (body, …).
    """

    fields: Mapping[str, np.ndarray]

    def models(self, model: mujoco.MjModel) -> list[mujoco.MjModel]:
        """Return a changed copy of ``model`` for each body, with what MuJoCo derives from the numbers made anew."""
        import mujoco

        made = []
        for values in zip(*self.fields.values(), strict=True):
            altered = copy.copy(model)
            for name, value in zip(self.fields, values, strict=True):
                getattr(altered, name)[:] = value
            mujoco.mj_setConst(altered, mujoco.MjData(altered))
            made.append(altered)
        return made


def draw_bodies(settings: Randomisation, model: BodyModel) -> AlteredBodies:
    """Draw ``settings.bodies`` bodies; the same seed gives the same ones."""
    m, n, rng = model.mj_model, settings.bodies, np.random.default_rng(settings.seed)

    def factor(spread: float, size: int) -> np.ndarray:
        return (1.0 + spread) ** rng.uniform(-1.0, 1.0, (n, size))

    mass, damping = factor(settings.mass, m.nbody), factor(settings.damping, m.nv)
    strength, time = factor(settings.strength, m.nu), factor(settings.activation_time, m.nu)
    slack = settings.tendon_slack * rng.uniform(-1.0, 1.0, (n, m.nu))
    friction, stiffness = factor(settings.friction, 1), factor(settings.contact, 1)

    muscles = model.muscle_ids
    motors = np.setdiff1d(np.arange(m.nu), muscles)
    gain, bias, dynamics = (np.tile(a, (n, 1, 1)) for a in (m.actuator_gainprm, m.actuator_biasprm, m.actuator_dynprm))
    for parameters in (gain, bias):  # an actuator's force is gain · control + bias
        parameters[:, muscles, MUSCLE_FORCE] *= strength[:, muscles]
        parameters[:, motors] *= strength[:, motors, None]
    if settings.operating_range:  # a draw of its own, so that the other draws stay
        own = np.random.default_rng([settings.seed, 1])
        wider = (1.0 + settings.operating_range) ** own.uniform(-1.0, 1.0, (n, m.nu))[:, muscles, None]
        for parameters in (gain, bias):
            ends = parameters[:, muscles, _RANGE_LOW : _RANGE_HIGH + 1]
            middle = ends.mean(axis=-1, keepdims=True)
            parameters[:, muscles, _RANGE_LOW : _RANGE_HIGH + 1] = middle + wider * (ends - middle)
    for constant in (_ACTIVATION_TIME, _DEACTIVATION_TIME):
        dynamics[:, muscles, constant] *= time[:, muscles]
    length_range = np.tile(m.actuator_lengthrange, (n, 1, 1))
    length_range[:, muscles] += (slack[:, muscles] * _optimum_length(m, muscles))[..., None]
    contacts: dict[str, np.ndarray] = {}
    if settings.friction:
        contacts |= {f: getattr(m, f) * friction[..., None] for f in ("geom_friction", "pair_friction")}
    if settings.contact:
        contacts |= {f: _stiffer(getattr(m, f), stiffness[..., None]) for f in ("geom_solref", "pair_solref")}
    return AlteredBodies(
        {
            **contacts,
            "body_mass": m.body_mass * mass,
            "body_inertia": m.body_inertia * mass[..., None],
            "dof_damping": m.dof_damping * damping,
            "actuator_gainprm": gain,
            "actuator_biasprm": bias,
            "actuator_dynprm": dynamics,
            "actuator_lengthrange": length_range,
        }
    )


def _stiffer(solref: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Return ``solref`` (…, 2) of contacts that are stiffer by a factor, with the same damping ratio.

    It is a time constant, whose square the stiffness divides by, and a damping ratio; or negative stiffness and damping
    (MuJoCo documentation, "Modeling: Solver parameters").
    """
    direct = solref[..., :1] <= 0
    first = solref[..., :1] * np.where(direct, factor, factor**-0.5)
    return np.concatenate([first, solref[..., 1:] * np.where(direct, factor**0.5, 1.0)], axis=-1)


def _optimum_length(m: mujoco.MjModel, muscles: np.ndarray) -> np.ndarray:
    """(muscle,) m: MuJoCo's L0, the range of lengths over that of normalised lengths. With both ends of the range moved
    alike it stays, and the tendon slack length LT takes up the whole change."""
    low, high = m.actuator_lengthrange[muscles].T
    return (high - low) / (m.actuator_gainprm[muscles, _RANGE_HIGH] - m.actuator_gainprm[muscles, _RANGE_LOW])
