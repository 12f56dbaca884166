"""Settings of the C engine."""

from __future__ import annotations

import attrs


@attrs.frozen
class Settings:
    """Settings of the C engine.

    Attributes:
        threads: worker threads; 0 takes one per core.
        integrator: ``body`` keeps the body's own; ``implicitfast`` and ``euler`` are about three times
            faster and less exact, which is good enough for gathering experience.
    """

    threads: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    integrator: str = attrs.field(
        default="body", validator=attrs.validators.in_(("body", "euler", "implicitfast", "rk4"))
    )
