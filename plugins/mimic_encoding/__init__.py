"""What neurons, or any other signal recorded with the movement, have to do with network, movement and muscles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mimic_core import AnalysisSpec, Reads, RecordSpec, hookimpl
from mimic_encoding.settings import Settings

_SOURCE = (
    "Aldarondo et al. 2024, doi:10.1038/s41586-024-07633-4; Kriegeskorte, Mur & Bandettini 2008, "
    "doi:10.3389/neuro.06.004.2008"
)


def build(config: Settings):
    from mimic_encoding.analysis import analysis

    return analysis(config)


def read(path: Path):
    from mimic_encoding.neural import Neural

    return Neural.load(path)


def synthetic(rollouts):
    from mimic_encoding.made_up import made_up
    from mimic_encoding.sources import KINEMATICS

    return made_up(rollouts, KINEMATICS, 0.02, 8, 40.0, seed=0)


@hookimpl
def mimic_records() -> Iterator[RecordSpec]:
    yield RecordSpec(
        name="neural",
        build=read,
        made_by="mimic neural",
        synthetic=synthetic,
        summary="spike counts or signals of trials in bins, neuron by neuron",
    )


@hookimpl
def mimic_stages():
    from mimic_encoding.stage import SPEC

    yield SPEC


@hookimpl
def mimic_analyses() -> Iterator[AnalysisSpec]:
    yield AnalysisSpec(
        name="encoding",
        config=Settings,
        build=build,
        reads=(Reads("rollouts"), Reads("neural"), Reads("clips", optional=True)),
        summary="neurons predicted from network layers, intention, kinematics, muscles and static optimisation",
        source=_SOURCE,
    )
