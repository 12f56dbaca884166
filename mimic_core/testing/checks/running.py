"""Checks of what watches, shows and runs the work: loggers, displays, executors, reports."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pluggy

from mimic_core.analysis.report import ReportSpec
from mimic_core.analysis.result import Headline, Result, Table
from mimic_core.chain.events import Listener
from mimic_core.chain.executor import ExecutorSpec, Job, Outcome
from mimic_core.errors import ConfigError, DataError, PluginError
from mimic_core.files import write_json
from mimic_core.plugins import hooks
from mimic_core.plugins.context import Context
from mimic_core.plugins.display import DisplaySpec
from mimic_core.plugins.logger import LoggerSpec
from mimic_core.plugins.manager import Plugins
from mimic_core.plugins.markers import PROJECT

_PATIENCE_S = 120.0
"""an executor that has not done two jobs of a moment by then is stuck"""
_METRICS = {"reward": 1.5, "steps_per_second": 1000.0}


def _heard(listener: object, error: bool = False) -> Iterator[str]:
    """Tell an object of a stage from its begin to its end; yield what comes next, before it is told."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hooks)
    manager.register(listener, "tried")
    hook = manager.hook
    yield "starts"
    hook.mimic_stage_started(stage="train", settings={"seed": 0, "settings": {"rewards": {"joint": {"weight": 1.0}}}})
    yield "goes on"
    hook.mimic_progress(stage="train", done=1000, total=2000, metrics={"compiling_s": 1.0})
    hook.mimic_progress(stage="train", done=2000, total=2000, metrics=_METRICS)
    yield "ends"
    if error:
        hook.mimic_stage_failed(stage="train", error=ValueError("reward is not finite"))
    else:
        hook.mimic_stage_finished(stage="train", summary={"out": "run", "tracking_mm": 0.5})


def check_logger(record: LoggerSpec, plugins: Plugins) -> str:
    """It hears of a stage that ends and of one that fails, and writes below its own folder and not before the start.

    Returns:
        why it was not tried: it cannot work here.
    """
    for error in (False, True):
        with TemporaryDirectory() as folder:
            logs = Path(folder) / "logs"
            try:
                logger = record.build(record.config(), logs)
            except ConfigError as e:
                return f"not tried: {e}"
            Listener(record.name, logger)  # refuses one that hears nothing
            for instant in _heard(logger, error):
                if instant == "starts" and any(Path(folder).iterdir()):
                    raise PluginError("writes before the stage has started; open files in mimic_stage_started")
            stray = [p for p in Path(folder).rglob("*") if p.is_file() and not p.is_relative_to(logs / record.name)]
            if stray:
                raise PluginError(f"writes {stray[0].relative_to(folder)}; write below out / {record.name!r}")
    return ""


def check_display(record: DisplaySpec, plugins: Plugins) -> None:
    """It follows a stage, prints nothing of that on standard output, and shows texts, tables and headlines there."""
    shown: Any = record.build(record.config())
    missing = [name for name in ("working", "show") if not callable(getattr(shown, name, None))]
    if missing:
        raise PluginError(f"build returns {type(shown).__name__} without {', '.join(missing)}; see mimic_core.Display")
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        for watch in (False, True):
            with shown.working(watch) as progress:
                for _ in _heard(progress):
                    pass
    if out.getvalue():
        raise PluginError("shows progress on standard output; use standard error, --json needs the other for itself")
    table = Table(columns=("joint", "error (mm)"), rows=[("elbow", 0.5)], caption="Errors")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        shown.show(["a text with [brackets]", table, (Headline("tracking error", 0.5, "mm", nulls={"limp": 4.0}),)])
    lost = [s for s in ("[brackets]", "elbow", "tracking error", "limp") if s not in out.getvalue()]
    if lost:
        raise PluginError(
            f"does not print {lost[0]!r}, which it is to show; print texts as they are, tables, headlines"
        )


def tried_work(data: Mapping[str, Any]) -> None:
    """What an executor is tried with: it writes a file, or refuses."""
    if data["refuse"]:
        raise DataError("refused: on purpose; nothing to mend")
    write_json(data["file"], {"done": True})


def check_executor(record: ExecutorSpec, plugins: Plugins) -> str:
    """Of two jobs it does the one, and reports the error of the other in one line.

    Returns:
        why it was not tried: it cannot work here.
    """
    try:
        run = record.build(record.config())
        if not callable(run):
            raise PluginError(f"build returns {type(run).__name__}; return run(work, jobs), see ExecutorSpec")
        with TemporaryDirectory() as folder:
            file, began = Path(folder) / "done.json", time.monotonic()
            jobs = [
                Job(name=name, data={"file": str(file), "refuse": name == "refusing"}, log=Path(folder) / f"{name}.log")
                for name in ("working", "refusing")
            ]
            outcomes: dict[str, Outcome] = {}
            for outcome in run(f"{__name__}:tried_work", jobs):
                if outcome is not None:
                    outcomes[outcome.job.name] = outcome
                if time.monotonic() - began > _PATIENCE_S:
                    raise PluginError(f"has not done two short jobs after {_PATIENCE_S:.0f} s; see the jobs' logs")
            there = file.is_file()
    except ConfigError as e:
        return f"not tried: {e}"
    lost = [job.name for job in jobs if job.name not in outcomes]
    if lost:
        raise PluginError(f"yields no Outcome of job {lost[0]!r}; yield one for each job as it ends")
    if outcomes["working"].error or not there:
        raise PluginError(
            f"a job that works has the error {outcomes['working'].error!r}; call work with the job's data"
        )
    said = outcomes["refusing"].error
    if not said or "on purpose" not in said or "\n" in said:
        raise PluginError(f"a job whose work raised an error ends with {said!r}; give the error in one line")
    return ""


def check_report(record: ReportSpec, plugins: Plugins) -> None:
    """It makes something to read of a run with one analysis, where it is told to, and leaves the run alone."""
    write = record.build(record.config())
    if not callable(write):
        raise PluginError(f"build returns {type(write).__name__}; return a function (see {type(record).__name__})")
    found = Result(
        metrics={"error_mm": 0.5, "nulls": {"limp": 4.0}},
        headlines=[Headline("tracking error", 0.5, "mm", nulls={"limp": 4.0}, better="lower")],
        tables={"errors": Table(columns=("joint", "error (mm)"), rows=[("elbow", 0.5)], caption="Errors")},
    )
    with TemporaryDirectory() as folder:
        run, out = Path(folder) / "run", Path(folder) / "report.html"
        found.save(run / "analysis" / "toy")
        entry = {
            "name": "analyze.toy",
            "stage": "analyze",
            "label": "toy",
            "status": "done",
            "options": {"analysis": {"name": "toy", "settings": {}}},
            "command": "mimic analyze toy rollouts.h5 --out analysis/toy",
            "outputs": {"out": "analysis/toy"},
            "summary": {},
        }
        write_json(run / "manifest.json", {"title": "Toy", "stages": [entry]})
        before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
        written = write(run, out, Context(plugins=plugins, out=out))
        if not isinstance(written, Path) or not written.exists():
            raise PluginError(f"returns {written!r}; return the path of the file that a person opens")
        if not (written == out or written.is_relative_to(out)):
            raise PluginError(f"writes {written.name} elsewhere than it is told to; write to out, or below it")
        if {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} != before:
            raise PluginError("changes files of the run that it reports; only read them")
