"""A trained controller at work: stages `rollout`, `perturb` and `sensitivity`, and the analysis `tracking`."""

from __future__ import annotations

from mimic_core import AnalysisSpec, RecordSpec, hookimpl
from mimic_tracking.settings import Settings


def build(config: Settings):
    from mimic_tracking.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_stages():
    from mimic_tracking import sensitivity, stage

    yield from (stage.ROLLOUT, stage.PERTURB, sensitivity.SPEC)


@hookimpl
def mimic_records():
    from mimic_sensitivity import Sensitivity

    yield RecordSpec(
        name=Sensitivity.KIND,
        build=Sensitivity.load,
        made_by="mimic sensitivity",
        summary="what a controller did in bodies with other muscles",
    )


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="tracking",
        config=Settings,
        build=build,
        summary="tracking error by window beside null models, by keypoint (mm) and joint (deg), and muscle use",
    )
