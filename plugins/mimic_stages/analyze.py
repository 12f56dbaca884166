"""The stage `analyze`: tables, figures and metrics of what was recorded, registered or rolled out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import (
    AnalysisSpec,
    Choice,
    Context,
    Inputs,
    Plugins,
    Reads,
    Result,
    StageSpec,
    Table,
    choice,
    structure,
)
from mimic_core.chain import load
from mimic_drawing import style

MAX_ROWS = 24
"""A terminal shows so many of a table."""


@attrs.frozen(kw_only=True)
class AnalyzeOptions:
    """Analyse rollouts, reference clips, EMG or a sweep: tables, figures and metrics.

    Example: `mimic analyze simplex rollouts.h5 --out simplex`

    Of a registration: `mimic analyze registration clips.h5 --out quality`

    Every file says itself what it is. What an analysis reads is shown by `mimic plugins show NAME`.
    """

    analysis: Choice = choice(
        "analysis",
        flat=True,
        argument=True,
        required=True,
        metavar="NAME",
        help="The analysis; see 'mimic plugins list'.",
    )


def reads(options: AnalyzeOptions, plugins: Plugins) -> tuple[Reads, ...]:
    """What the chosen analysis reads."""
    return plugins.get("analysis", options.analysis.name).reads


def work(options: AnalyzeOptions, inputs: Inputs, context: Context) -> Mapping[str, Any]:
    """Run an analysis over files and save what it finds."""
    spec: AnalysisSpec = context.plugins.get("analysis", options.analysis.name)
    loaded = Inputs({kind: [load(f, kind, context.plugins) for f in files] for kind, files in inputs.items()})
    result = analysed(context, spec, loaded, context.out, options.analysis.settings)
    return {"analysis": spec.name, **result.metrics, "headlines": result.headlines}


def analysed(
    context: Context, spec: AnalysisSpec, inputs: Inputs, out: Path, settings: Mapping[str, Any] | None = None
) -> Result:
    """Run an analysis over records in memory, and save what it finds into the folder ``out``."""
    config = structure(dict(settings or {}), spec.config, f"analyze.{spec.name}")
    with style():
        result = spec.build(config)(inputs, attrs.evolve(context, out=out))
        result.save(out)
    return result


def lines(summary: Mapping[str, Any]) -> Iterator[str | Table]:
    """The tables that the analysis saved."""
    folder = Path(summary["out"])
    for name, caption in json.loads((folder / "result.json").read_text())["tables"].items():
        with (folder / f"{name}.csv").open(newline="") as f:
            columns, *rows = list(csv.reader(f))
        numbers = [[_number(cell) for cell in row] for row in rows[:MAX_ROWS]]
        yield Table(columns=columns, rows=numbers, caption=caption or name)
        if len(rows) > MAX_ROWS:
            yield f"… {len(rows) - MAX_ROWS} more rows in {name}.csv"
    yield f"tables and figures → {summary['out']}"


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


SPEC = StageSpec(
    name="analyze",
    config=AnalyzeOptions,
    work=work,
    reads=reads,
    output="analysis/{label}",
    labelled="analysis",
    lines=lines,
    summary="tables, figures and metrics",
)
