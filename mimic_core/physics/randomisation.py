"""Bodies that differ a little from the body as it is, for a policy to be trained in (domain randomisation)."""

from __future__ import annotations

import attrs

not_negative = attrs.validators.ge(0.0)


@attrs.frozen
class Randomisation:
    """How far the bodies that a policy is trained in differ from the body as it is, from which every result comes.

    A spread s multiplies by a factor between 1/(1 + s) and 1 + s, drawn log-uniformly: for ``mass`` one for each
    segment, for ``damping`` for each joint, for ``friction`` and ``contact`` for the whole body, for the others for
    each actuator.

    Attributes:
        bodies: how many bodies are drawn, once; each episode is in one of them.
        seed: of the draw, apart from the training's, so that trainings with other seeds meet the same bodies.
        mass: spread of the segments' masses and, by the same factor, inertias.
        damping: spread of the joints' damping.
        strength: spread of the muscles' greatest force, or of the motors' torque.
        activation_time: spread of the muscles' time constants of activation and deactivation.
        tendon_slack: a muscle's tendon slack length is longer or shorter by up to this share of the muscle's optimum
            fibre length.
        operating_range: spread of the range of fibre lengths that a muscle's path stretches over, about its middle.
        friction: spread of the friction of all surfaces.
        contact: spread of the stiffness of all contacts; how strongly they are damped stays.
    """

    bodies: int = attrs.field(default=64, validator=attrs.validators.ge(1))
    seed: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    mass: float = attrs.field(default=0.0, validator=not_negative)
    damping: float = attrs.field(default=0.0, validator=not_negative)
    strength: float = attrs.field(default=0.0, validator=not_negative)
    activation_time: float = attrs.field(default=0.0, validator=not_negative)
    tendon_slack: float = attrs.field(default=0.0, validator=not_negative)
    operating_range: float = attrs.field(default=0.0, validator=not_negative)
    friction: float = attrs.field(default=0.0, validator=not_negative)
    contact: float = attrs.field(default=0.0, validator=not_negative)

    @property
    def wanted(self) -> bool:
        return any(attrs.astuple(self, filter=lambda field, _: field.name not in ("bodies", "seed")))
