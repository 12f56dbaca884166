"""The `tracking` analysis: how closely the rollouts follow the reference, and with what muscle use."""

from __future__ import annotations

from mimic_core import AnalysisSpec, hookimpl
from mimic_tracking.settings import Settings


def build(config: Settings):
    from mimic_tracking.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="tracking",
        config=Settings,
        build=build,
        summary="tracking error per keypoint (mm) and joint (deg), muscle use, reference against rollout",
    )
