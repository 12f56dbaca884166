"""The `html` report: one self-contained page about a finished run."""

from __future__ import annotations

import attrs
from attrs.validators import ge

from mimic_core import ReportSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the page.

    Attributes:
        title: heading of the page; empty takes the run's title.
        max_rows: longer tables are cut here; the csv file beside the run holds all rows.
    """

    title: str = ""
    max_rows: int = attrs.field(default=60, validator=ge(1))


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
