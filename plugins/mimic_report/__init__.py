"""The `html` report: one self-contained page about a finished run."""

from __future__ import annotations

from mimic_core import ReportSpec, hookimpl
from mimic_report.settings import Settings


def build(config: Settings):
    from mimic_report.page import writer

    return writer(config)


@hookimpl
def mimic_reports():
    yield ReportSpec(
        name="html",
        config=Settings,
        build=build,
        default=True,
        summary="one self-contained HTML page: figures, tables, methods, settings, versions, hashes",
    )
