"""Bodies that differ a little from the body as it is, for a policy to be trained in (domain randomisation)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core.body.model import BodyModel

if TYPE_CHECKING:
    import mujoco

not_negative = attrs.validators.ge(0)

# places in MuJoCo's parameters of muscles (MuJoCo documentation, "Modeling: Muscles")
MUSCLE_FORCE = 2
"""Place of the maximum isometric force, in the parameters of gain and of bias alike."""
_RANGE_LOW, _RANGE_HIGH = 0, 1
_ACTIVATION_TIME, _DEACTIVATION_TIME = 0, 1


@attrs.frozen
class Randomisation:
    """How far the bodies that a policy is trained in differ from the body as it is, from which every result comes.

    A spread s multiplies by a factor between 1/(1 + s) and 1 + s, drawn log-uniformly: for ``mass`` one for each
    segment, for ``damping`` for each joint, for the others for each actuator.

    Attributes:
        bodies: how many bodies are drawn, once; each episode is in one of them.
        seed: of the draw, apart from the training's, so that trainings with other seeds meet the same bodies.
        mass: spread of the segments' masses and, by the same factor, inertias.
        damping: spread of the joints' damping.
        strength: spread of the muscles' greatest force, or of the motors' torque.
        activation_time: spread of the muscles' time constants of activation and deactivation.
        tendon_slack: a muscle's tendon slack length is longer or shorter by up to this share of the muscle's optimum
            fibre length.
    """

    bodies: int = attrs.field(default=64, validator=attrs.validators.ge(1))
    seed: int = attrs.field(default=0, validator=not_negative)
    mass: float = attrs.field(default=0.0, validator=not_negative)
    damping: float = attrs.field(default=0.0, validator=not_negative)
    strength: float = attrs.field(default=0.0, validator=not_negative)
    activation_time: float = attrs.field(default=0.0, validator=not_negative)
    tendon_slack: float = attrs.field(default=0.0, validator=not_negative)

    @property
    def wanted(self) -> bool:
        return any((self.mass, self.damping, self.strength, self.activation_time, self.tendon_slack))


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

    muscles = model.muscle_ids
    motors = np.setdiff1d(np.arange(m.nu), muscles)
    gain, bias, dynamics = (np.tile(a, (n, 1, 1)) for a in (m.actuator_gainprm, m.actuator_biasprm, m.actuator_dynprm))
    for parameters in (gain, bias):  # an actuator's force is gain · control + bias
        parameters[:, muscles, MUSCLE_FORCE] *= strength[:, muscles]
        parameters[:, motors] *= strength[:, motors, None]
    for constant in (_ACTIVATION_TIME, _DEACTIVATION_TIME):
        dynamics[:, muscles, constant] *= time[:, muscles]
    length_range = np.tile(m.actuator_lengthrange, (n, 1, 1))
    length_range[:, muscles] += (slack[:, muscles] * _optimum_length(m, muscles))[..., None]
    return AlteredBodies(
        {
            "body_mass": m.body_mass * mass,
            "body_inertia": m.body_inertia * mass[..., None],
            "dof_damping": m.dof_damping * damping,
            "actuator_gainprm": gain,
            "actuator_biasprm": bias,
            "actuator_dynprm": dynamics,
            "actuator_lengthrange": length_range,
        }
    )


def _optimum_length(m: mujoco.MjModel, muscles: np.ndarray) -> np.ndarray:
    """(muscle,) m: MuJoCo's L0, the range of lengths over that of normalised lengths. With both ends of the range moved
    alike it stays, and the tendon slack length LT takes up the whole change."""
    low, high = m.actuator_lengthrange[muscles].T
    return (high - low) / (m.actuator_gainprm[muscles, _RANGE_HIGH] - m.actuator_gainprm[muscles, _RANGE_LOW])
