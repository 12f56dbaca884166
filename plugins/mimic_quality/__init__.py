"""The `registration` analysis: how well a body was fitted to the keypoints, and where it was not."""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_quality.settings import Settings


def build(config: Settings):
    from mimic_quality.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="registration",
        config=Settings,
        build=build,
        reads=(Reads("clips"),),
        summary="fit error (mm), joint limits, offsets, segments, gaps and jumps of registered clips",
    )
