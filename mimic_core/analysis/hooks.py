"""Hooks that bring analyses and reports."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.analysis.report import ReportSpec
from mimic_core.analysis.spec import AnalysisSpec
from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec


@hookspec
def mimic_analyses() -> Iterator[AnalysisSpec]:
    """Yield analyses of rollouts, or of the records that ``reads`` names.

    >>> def build(config):
    ...     def analyse(inputs, context):
    ...         return Result(metrics={"clips": len(inputs.one("rollouts").clip_names)})
    ...     return analyse
    >>> @hookimpl
    ... def mimic_analyses():
    ...     yield AnalysisSpec(name="count", build=build)
    """


@hookspec
def mimic_reports() -> Iterator[ReportSpec]:
    """Yield writers that turn a finished run into something a person reads.

    >>> def build(config):
    ...     def write(run, out, context):
    ...         out.write_text(f"{len(list(run.iterdir()))} files")
    ...         return out
    ...     return write
    >>> @hookimpl
    ... def mimic_reports():
    ...     yield ReportSpec(name="text", build=build)
    """


KINDS = (
    Kind("analysis", "mimic_analyses", AnalysisSpec),
    Kind("report", "mimic_reports", ReportSpec),
)
"""Kinds of component that come through these hooks."""
