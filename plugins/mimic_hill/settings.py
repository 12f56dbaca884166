"""Settings of the muscles."""

from __future__ import annotations

import attrs


@attrs.frozen
class Settings:
    """Settings of the muscles.

    Attributes:
        smoothing: width, in units of excitation minus activation, over which the time constant changes from
            the one of deactivation to the one of activation. 0 is a step, as in Millard et al. 2013; a
            gradient through the activation needs it > 0 (0.01 is enough).
        force_scale: factor on every maximum isometric force, for a weaker or stronger animal.
    """

    smoothing: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    force_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
