"""The `spectral` analysis: how much of a muscle's command lies above 10 Hz."""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_spectral.settings import Settings


def build(config: Settings):
    from mimic_spectral.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="spectral",
        config=Settings,
        build=build,
        reads=(Reads("rollouts", several=True),),
        summary="power and share of each muscle's excitation above 10 Hz",
        source="Leonardis et al. 2025, arXiv:2511.21848, section 2.6; Harris 1978, doi:10.1109/PROC.1978.10837",
    )
