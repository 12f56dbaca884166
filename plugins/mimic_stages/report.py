"""The stage `report`: a finished run as something that a person reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from mimic_core import Choice, Context, Inputs, Reads, StageSpec, choice, structure


@attrs.frozen(kw_only=True)
class ReportOptions:
    """Write one page that shows a run: tables, figures, methods, settings.

    Example: `mimic report demo --out demo.html`
    """

    writer: Choice = choice("report", flat=True, help="Which report; default: the default one.")


def work(options: ReportOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Turn a finished run into a report."""
    spec = context.plugins.choose("report", options.writer.name)
    config = structure(dict(options.writer.settings), spec.config, "report")
    return {"out": str(spec.build(config)(inputs.one("run"), context.out, context))}


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    yield f"report → {summary['out']}"


SPEC = StageSpec(
    name="report",
    config=ReportOptions,
    work=work,
    reads=(Reads("run", argument=True, help="Folder that 'mimic run' wrote."),),
    output="report.html",
    beside=True,
    lines=lines,
    summary="a run as one page",
)
