"""The `frontier` analysis: what a sweep gains and what it costs."""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_frontier.settings import Settings


def build(config: Settings):
    from mimic_frontier.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="frontier",
        config=Settings,
        build=build,
        reads=(Reads("sweep"),),
        summary="reward, EMG error and high-frequency share against the cost of control; the knee of the frontier",
        source="Leonardis et al. 2025, Fig. 2A; knee: Satopää et al. 2011, doi:10.1109/ICDCSW.2011.20",
    )
