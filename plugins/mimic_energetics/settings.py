"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, le

from mimic_energetics.metabolics import Metabolic


@attrs.frozen
class Settings:
    """Settings of the energetics analysis: constants of the model of metabolic power in `metabolics`.

    Attributes:
        slow_twitch: share of slow-twitch fibres; 0, since a mouse's limb muscles are almost all fast.
        specific_tension: Pa, gives a muscle's cross-section, and so its mass, from its maximum isometric force.
        density: of muscle, kg/m³.
    """

    slow_twitch: float = attrs.field(default=0.0, validator=[ge(0), le(1)])
    specific_tension: float = attrs.field(default=250e3, validator=gt(0))
    density: float = attrs.field(default=1059.7, validator=gt(0))

    @property
    def constants(self) -> Metabolic:
        """All constants of the model; those that are not set here are the published ones."""
        return Metabolic(**attrs.asdict(self))
