"""The `latent` analysis: what the network's layers hold while the body moves."""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_latent.settings import Settings


def build(config: Settings):
    from mimic_latent.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="latent",
        config=Settings,
        build=build,
        reads=(Reads("rollouts", several=True), Reads("training", several=True, optional=True)),
        summary="principal components of intention and network layers, beside an untrained network and between seeds",
        source="Leonardis et al. 2025, arXiv:2511.21848, section 2.7; Kornblith, Norouzi, Lee & Hinton 2019, "
        "arXiv:1905.00414; Williams, Kunz, Kornblith & Linderman 2021, arXiv:2110.14739",
    )
