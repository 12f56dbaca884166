"""What the commands share: options, progress on stderr, one JSON object on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.config import merge, parse_assignments
from mimic_core.errors import ConfigError
from mimic_core.hookspecs import hookimpl
from mimic_core.plugins import Plugins, installed

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting by its dotted path; may be given often.", show_default=False
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of everything random; the same seed gives the same result.", min=0)]


class Session:
    """What the options before the command said."""

    def __init__(self) -> None:
        self.plugin_files: tuple[Path, ...] = ()
        self.loaded: set[Path] = set()
        self.debug = False


session = Session()


def load_plugins() -> Plugins:
    """Return the installed plugins and those given with ``--plugin``."""
    plugins = installed()
    for path in session.plugin_files:
        if path.resolve() not in session.loaded:
            plugins.load_file(path)
            session.loaded.add(path.resolve())
    return plugins


def settings(assignments: list[str] | None, section: str | None = None) -> dict[str, Any]:
    """Return ``--set`` assignments as nested tables; with ``section``, that prefix may be given or left out."""
    given = parse_assignments(assignments or [])
    if section and section in given:
        inner = given.pop(section)
        if not isinstance(inner, Mapping):
            raise ConfigError(f"--set {section}={inner}: expected --set {section}.KEY=VALUE")
        given = merge(given, inner)
    return given


@contextlib.contextmanager
def working(plugins: Plugins) -> Iterator[None]:
    """Show progress on stderr, and send there whatever libraries print, while work is done."""
    shown = ProgressBars() if sys.stderr.isatty() else ProgressLines()
    plugins.manager.register(shown, "cli:progress")
    try:
        with contextlib.redirect_stdout(sys.stderr), shown:
            from mimic_core.runtime import prepare_jax

            prepare_jax()
            yield
    finally:
        plugins.manager.unregister(shown)


class ProgressLines:
    """Progress for a log file: a line every few seconds."""

    EVERY_S = 5.0

    def __init__(self) -> None:
        self._told = 0.0

    def __enter__(self) -> ProgressLines:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stderr.flush()

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        if time.monotonic() - self._told > self.EVERY_S or done >= total:
            self._told = time.monotonic()
            print(f"{stage} {done / max(total, 1e-12):4.0%}  {_few(metrics)}", file=sys.stderr, flush=True)


class ProgressBars:
    """A progress bar per stage, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[metrics]}"),
            console=Console(stderr=True),
            refresh_per_second=4,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> ProgressBars:
        self._progress.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # an error is one line, with no half bar above it
            for task in self._tasks.values():
                self._progress.update(task, visible=False)
        self._progress.stop()

    @hookimpl
    def mimic_stage_started(self, stage: str) -> None:
        self._tasks[stage] = self._progress.add_task(stage, total=None, metrics="")

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        if stage in self._tasks:
            self._progress.update(self._tasks[stage], completed=done, total=total, metrics=_few(metrics))

    @hookimpl
    def mimic_stage_finished(self, stage: str) -> None:
        if stage in self._tasks:
            self._progress.update(self._tasks[stage], completed=1, total=1)


def _few(metrics: Mapping[str, float]) -> str:
    """The metrics that fit on a line; what a user looks for first."""
    first = [k for k in ("tracking_mm", "reward", "steps_per_second") if k in metrics]
    rest = [k for k in metrics if k not in first]
    return "  ".join(f"{k} {metrics[k]:.4g}" for k in [*first, *rest][:4])


def emit(summary: Mapping[str, Any], as_json: bool, lines: Any = None) -> None:
    """Print the summary: one JSON object, or what ``lines`` (renderables for a terminal) says."""
    if as_json:
        print(json.dumps(summary, allow_nan=False), file=sys.stdout)
        return
    from rich.console import Console

    console = Console()
    for line in lines or []:
        console.print(line)


def table(title: str, columns: list[str], rows: list[list[Any]]) -> Any:
    """Return a table for the terminal; numbers are right-aligned and rounded to three digits."""
    from rich.table import Table

    out = Table(title=title, title_justify="left")
    for i, column in enumerate(columns):
        numeric = any(isinstance(r[i], (int, float)) for r in rows)
        out.add_column(column, justify="right" if numeric else "left", no_wrap=i == 0)
    for row in rows:
        out.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row))
    return out


def error_rows(summary: Mapping[str, Any], label: str) -> list[list[Any]]:
    """Rows of an error summary (see `mimic_core.clips.error_summary`) for a table; what is missing is a dash."""
    return [
        [label, *(_or_dash(summary[k]) for k in ("mean", "median", "p95", "max"))],
        *([f"  {n}", _or_dash(v), "", "", ""] for n, v in summary["per_keypoint"].items()),
    ]


def _or_dash(v: float | None) -> float | str:
    return "-" if v is None else float(v)
