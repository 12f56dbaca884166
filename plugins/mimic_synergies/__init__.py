"""The `synergies` analysis: few patterns that make up the activity of many muscles."""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_synergies.settings import Settings


def build(config: Settings):
    from mimic_synergies.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="synergies",
        config=Settings,
        build=build,
        reads=(Reads("rollouts", several=True),),
        summary="muscle synergies (NMF): variance accounted for, weights, and how alike they are between seeds",
        source="Lee & Seung 1999, doi:10.1038/44565; Torres-Oviedo, Macpherson & Ting 2006, doi:10.1152/jn.00810.2005",
    )
