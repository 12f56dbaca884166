"""Work and metabolic cost of a movement: the analysis `energetics`, and the reward term `metabolic`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import ge, gt, le

from mimic_core import AnalysisSpec, hookimpl

if TYPE_CHECKING:
    from mimic_energetics.metabolics import Metabolic


@attrs.frozen
class Settings:
    """Settings of the energetics analysis: constants of the model of metabolic power, see `mimic_energetics.metabolics`.

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
        from mimic_energetics.metabolics import Metabolic

        return Metabolic(**attrs.asdict(self))


def build(config: Settings) -> Any:
    from mimic_energetics.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="energetics",
        config=Settings,
        build=build,
        several=True,
        summary="mechanical work and metabolic energy of each reach and muscle, power over time, energy balance",
        source="Bhargava, Pandy & Anderson 2004, doi:10.1016/S0021-9290(03)00239-2 (metabolic power)",
    )


@hookimpl
def mimic_rewards():
    from mimic_energetics.reward import SPEC

    yield SPEC
