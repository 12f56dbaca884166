"""Settings of MJX."""

from __future__ import annotations

import attrs


@attrs.frozen
class Settings:
    """Settings of MJX.

    Attributes:
        integrator: ``body`` keeps the body's own. The view that gradients flow through has a step of its own, see
            `mimic_mjx.differentiable`, and takes no other.
        view_step_ms: the longest step of that view; None: the control step, and at most 5 ms for a body with contacts.
            Its steps are implicit and damp what swings faster than they are long, which the true physics does not.
            ``view = "fast"`` leaves it aside, as all other settings.
    """

    integrator: str = attrs.field(
        default="body", validator=attrs.validators.in_(("body", "euler", "implicitfast", "rk4"))
    )
    view_step_ms: float | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.gt(0)))
