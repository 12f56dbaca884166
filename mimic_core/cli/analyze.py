"""``mimic analyze``"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, emit, load_plugins, settings, table, working


def analyze(
    name: Annotated[str, typer.Argument(help="The analysis; see 'mimic plugins list'.", show_default=False)],
    rollouts: Annotated[Path, typer.Argument(help="Rollouts from 'mimic rollout'.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for metrics.json, tables (csv) and figures (png, svg).")],
    set_: Set = None,
    json: Json = False,
) -> None:
    """Analyse rollouts: tables, figures and metrics.

    Example: `mimic analyze simplex rollouts.h5 --out simplex`
    """
    from mimic_core import stages

    plugins = load_plugins()
    with working(plugins):
        summary = stages.analyze(plugins, name, rollouts, out=out, settings=settings(set_, name))
    flat = [[k, v] for k, v in _flat(summary) if k not in ("out", "analysis", "seconds")]
    emit(summary, json, [table(name, ["", ""], flat), f"tables and figures → {summary['out']}"])


def _flat(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    out = []
    for key, v in data.items():
        out += _flat(v, f"{prefix}{key}.") if isinstance(v, Mapping) else [(prefix + key, v)]
    return out
