"""Work and metabolic cost of a movement: the analysis `energetics`, and the reward term `metabolic`."""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_energetics.settings import Settings


def build(config: Settings):
    from mimic_energetics.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="energetics",
        config=Settings,
        build=build,
        reads=(Reads("rollouts", several=True), Reads("sensitivity", optional=True)),
        summary="mechanical work and metabolic energy of each reach and muscle, power over time, energy balance",
        source="Bhargava, Pandy & Anderson 2004, doi:10.1016/S0021-9290(03)00239-2 (metabolic power)",
    )


@hookimpl
def mimic_rewards():
    from mimic_energetics.reward import SPEC

    yield SPEC
