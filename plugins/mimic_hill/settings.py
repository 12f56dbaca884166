"""Settings of the muscles."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


@attrs.frozen
class Settings:
    """Settings of the muscles.

    Attributes:
        smoothing: width, in units of excitation minus activation, over which the time constant changes from
            the one of deactivation to the one of activation. 0 is a step, as in Millard et al. 2013; a
            gradient through the activation needs it > 0 (0.01 is enough).
        force_scale: factor on every maximum isometric force, for a weaker or stronger animal.
        reserve: joint, or a pattern of names such as ``scapula_*`` → the largest force (N·m; N for a slide) of a motor
            there beside the muscles, for muscles that the body lacks; 0 takes away the body's own. It is small, costs
            (`rewards.reserve`), and what it gave is reported.
        reserve_time: time constant, s, with which a reserve's activation follows its excitation; 0: at once.
    """

    smoothing: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    force_scale: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    reserve: Mapping[str, float] = attrs.field(factory=dict)
    reserve_time: float = attrs.field(default=0.02, validator=attrs.validators.ge(0))
