"""The stage `sweep`: many trainings with other settings and seeds, compared."""

from __future__ import annotations

from mimic_core import Reads, RecordSpec, StageSpec, hookimpl
from mimic_sweep.results import SweepResults
from mimic_sweep.settings import SweepOptions


def work(options, inputs, context):
    from mimic_sweep import engine

    return engine.work(options, inputs, context)


def decides(options, plugins):
    from mimic_sweep import engine

    return engine.decides(options, plugins)


def event_settings(options, plugins):
    from mimic_sweep import engine

    return engine.event_settings(options, plugins)


def lines(summary):
    from mimic_sweep import engine

    yield from engine.lines(summary)


@hookimpl
def mimic_stages():
    yield StageSpec(
        name="sweep",
        config=SweepOptions,
        work=work,
        reads=(
            Reads("clips", unless="file", help="Reference clips from 'mimic register'."),
            Reads("emg", optional=True, help="Envelopes from 'mimic emg', for analyses that read them."),
        ),
        writes=SweepResults.KIND,
        output="sweep",
        resumable=True,
        decides=decides,
        event_settings=event_settings,
        lines=lines,
        summary="train with every combination of settings and every seed, and compare",
    )


@hookimpl
def mimic_records():
    yield RecordSpec(
        name=SweepResults.KIND,
        build=SweepResults.load,
        made_by="mimic sweep",
        holds=lambda path: (path / "sweep.json").is_file(),
        summary="the folder of a sweep",
    )
