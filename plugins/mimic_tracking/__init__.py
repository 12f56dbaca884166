"""The stages `rollout` and `perturb`, and the analysis `tracking`: how closely rollouts follow the reference."""

from __future__ import annotations

from mimic_core import AnalysisSpec, hookimpl
from mimic_tracking.settings import Settings


def build(config: Settings):
    from mimic_tracking.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_stages():
    from mimic_tracking import stage

    yield from (stage.ROLLOUT, stage.PERTURB)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="tracking",
        config=Settings,
        build=build,
        summary="tracking error by window beside null models, by keypoint (mm) and joint (deg), and muscle use",
    )
