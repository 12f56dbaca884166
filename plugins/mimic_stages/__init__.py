"""The chain's own stages, from made-up keypoints to the report, and the kinds of record between them."""

from __future__ import annotations

from mimic_core import hookimpl


@hookimpl
def mimic_records():
    from mimic_stages import records

    yield from records.specs()


@hookimpl
def mimic_stages():
    from mimic_stages import analyze, emg, exchange, generate, register, report, train

    yield from (generate.SPEC, register.SPEC, train.SPEC, emg.SPEC)
    yield from (analyze.SPEC, report.SPEC, exchange.EXPORT, exchange.IMPORT)
