"""``mimic sweep``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.cli.common import Json, Set, Watch, emit, load_plugins, settings, table, working
from mimic_core.errors import TrainingError


def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file (.toml).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of the sweep: a run folder for each training, and the tables.")],
    watch: Watch = False,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Train with every combination of settings and every seed, and compare. A second call goes on where it was.

    Example: `mimic sweep examples/sweep_control_cost.toml --out sweep`

    Anything of the file is changed with `--set`, e.g. `--set sweep.seeds=5` or `--set executor.name=ray`.
    """
    from mimic_sweep import engine as sweeps

    plugins = load_plugins()
    with working(plugins, watch):
        summary = sweeps.run(plugins, file, out, settings(set_))
    folder = Path(summary["out"])
    emit(summary, json, [_table(str(file), summary["points"]), f"all metrics: {folder / 'summary.csv'}"])
    if summary["failed"]:
        (name, reason), *others = summary["failed"].items()
        more = f" (and {len(others)} more)" if others else ""
        raise TrainingError(f"failed: {name}{more}: {reason}; the same command tries again what failed")


def _table(title: str, points: list[dict[str, Any]]) -> Any:
    """A row for every combination of settings."""
    paths = list(points[0]["values"]) if points else []
    names = list(dict.fromkeys(n for p in points for n in p["metrics"]))
    rows = [[*(str(p["values"][path]) for path in paths), *(_mean(p["metrics"].get(n)) for n in names)] for p in points]
    seeds = sorted({m["n"] for p in points for m in p["metrics"].values()})
    over = f", mean ± 95 % CI over {' or '.join(map(str, seeds))} seeds" if seeds else ""
    heads = [name.replace(".", "\n") for name in (*paths, *names)]  # a word a line, so that numbers stay whole
    return table(f"{title}{over}", heads, rows)


def _mean(m: dict[str, Any] | None) -> str:
    if m is None:
        return "-"
    return f"{m['mean']:.4g}" + ("" if m["ci95"] is None else f" ± {m['ci95']:.2g}")
