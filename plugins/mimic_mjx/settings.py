"""Settings of MJX."""

from __future__ import annotations

import attrs


@attrs.frozen
class Settings:
    """Settings of MJX.

    Attributes:
        integrator: ``body`` keeps the body's own. The view that gradients flow through has a step of its own, see
            `mimic_mjx.differentiable`, and takes no other.
    """

    integrator: str = attrs.field(
        default="body", validator=attrs.validators.in_(("body", "euler", "implicitfast", "rk4"))
    )
