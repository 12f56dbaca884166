"""Progress on stderr: lines for a log file, bars for a terminal, and the panel of ``--watch``.

The event hooks bring everything that is shown. Each stage is a task of rich's `Progress` with the fields ``metrics``
(newest value of each, in the order in which they are shown), ``terms`` (names of reward terms) and ``past`` (metric →
pairs of what was done and the value). Importing this module takes time, since it imports rich.
"""

from __future__ import annotations

import datetime
import itertools
import math
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.columns import Columns
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn
from rich.table import Column, Table
from rich.text import Text

from mimic_core import hookimpl

_FIRST = ("reward", "tracking_mm", "steps_per_second")
"""metrics that come first, since a user looks for them first"""
_COMPILING = "compiling_s"
"""the metric of a program that is being compiled; it is gone when work begins"""
_DRAWN = ("reward", "tracking_mm")
"""metrics that the panel draws as curves"""
_BLOCKS = "▁▂▃▄▅▆▇█"


class Times(ProgressColumn):
    """Time since the stage began and, until it ends, the time that is left."""

    max_refresh = 0.5

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))

    def render(self, task: Task) -> Text:
        """Return both as ``H:MM:SS``. The pace is that since the first progress, so that compilation does not count."""
        left = "" if task.stop_time is not None else f" ETA {clock(task.time_remaining)}"
        return Text(clock(task.elapsed) + left)


class Metrics(ProgressColumn):
    """As many metrics as there is room for."""

    def __init__(self) -> None:
        super().__init__(Column(ratio=1, no_wrap=True))

    def render(self, task: Task) -> RenderableType:
        """Return the metrics; rich says how wide they may be when it draws them."""
        return _Fitting(task.fields["metrics"])


class _Fitting(dict[str, float]):
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        yield Text(fitting(self, options.max_width), no_wrap=True)


class ProgressBars(Progress):
    """A bar for each stage. If a stage fails, its bar is removed, since its error is shown."""

    def __init__(self, console: Console | None = None, **options: Any) -> None:
        super().__init__(
            *self.get_default_columns(),
            console=console or Console(stderr=True),
            get_time=time.monotonic,
            speed_estimate_period=math.inf,
            refresh_per_second=4,
            **{"expand": True} | options,
        )

    @classmethod
    def get_default_columns(cls) -> tuple[ProgressColumn, ...]:
        """Stage, bar, percent, times and metrics; in a narrow terminal the bar is the one to shrink."""
        percent = TaskProgressColumn(table_column=Column(no_wrap=True))
        return TextColumn("{task.description}", style="bold", markup=False), BarColumn(12), percent, Times(), Metrics()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:  # an error is one line, with no half bar above it
            for task in self.tasks:
                if task.stop_time is None:
                    self.remove_task(task.id)
        self.live.transient = not self.tasks
        super().__exit__(kind, error, at)

    def advanced(self, task: Task) -> None:
        """Called after each progress."""

    def _of(self, stage: str) -> list[Task]:
        return [task for task in self.tasks if task.description == stage]

    @hookimpl
    def mimic_stage_started(self, stage: str, settings: Mapping[str, Any]) -> None:
        self.mimic_stage_failed(stage)  # a sweep runs a stage more than once, and each run has a new bar
        rewards = settings.get("settings", {}).get("rewards", {})  # of `mimic_core.records.TrainPlan`
        self.add_task(stage, total=None, metrics={}, terms=tuple(rewards), past={})

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        for task in self._of(stage):
            past, before = task.fields["past"], task.fields["metrics"]
            if _COMPILING in before and _COMPILING not in metrics:  # the pace is that of the work alone
                before, began = {}, task.start_time
                self.reset(task.id, completed=0.0, **task.fields)
                task.start_time = began
            newest = before | dict(metrics)
            if done < task.completed:  # some stages count from 0 again in each of their parts
                began = task.start_time
                self.reset(task.id, completed=done, **task.fields)
                task.start_time = began
                past.clear()
            for name in _DRAWN:
                if math.isfinite(metrics.get(name, math.nan)):
                    past.setdefault(name, []).append((done, metrics[name]))
            order = dict.fromkeys((*_FIRST, *task.fields["terms"], *newest))
            newest = {name: newest[name] for name in order if name in newest}
            self.update(task.id, total=total, completed=done, metrics=newest)
            self.advanced(task)

    @hookimpl
    def mimic_stage_finished(self, stage: str) -> None:
        for task in self._of(stage):
            self.update(task.id, total=task.total or 1.0, completed=task.total or 1.0)
            self.stop_task(task.id)

    @hookimpl
    def mimic_stage_failed(self, stage: str) -> None:
        for task in self._of(stage):
            self.remove_task(task.id)


class ProgressLines(ProgressBars):
    """Progress for a log file: a line every few seconds, and nothing drawn."""

    EVERY_S = 5.0

    def __init__(self) -> None:
        super().__init__(disable=True)
        self._printed_at = -math.inf

    def advanced(self, task: Task) -> None:
        """Print a line if the last one is a while ago, or if the stage is done."""
        if time.monotonic() - self._printed_at > self.EVERY_S or task.finished:
            self._printed_at = time.monotonic()
            start = f"{task.description} {task.percentage:3.0f}%  ETA {clock(task.time_remaining)}  "
            width = shutil.get_terminal_size((120, 24)).columns
            print(start + fitting(task.fields["metrics"], width - len(start)), file=sys.stderr, flush=True)


class WatchPanel(ProgressBars):
    """A panel for the running stage: the newest value of every metric, and the course of reward and tracking."""

    MAX_WIDTH = 110

    def __init__(self, console: Console | None = None) -> None:
        super().__init__(console, expand=False)

    @classmethod
    def get_default_columns(cls) -> tuple[ProgressColumn, ...]:
        """Bar, percent, times, and steps done of all steps."""
        return BarColumn(12), TaskProgressColumn(), Times(), MofNCompleteColumn(separator=" of ")

    def get_renderables(self) -> Iterator[RenderableType]:
        """A panel for each stage that runs (if none does, for the last one), and a line for each of the others."""
        tasks = self.tasks
        open_ = [task for task in tasks if task.stop_time is None] or tasks[-1:]
        yield from (f"{task.description} done in {clock(task.elapsed)}" for task in tasks if task not in open_)
        for task in open_:
            width = min(self.console.width, self.MAX_WIDTH)
            numbers = ("", _numbers(task), "", _curves(task, width - 4)) if task.fields["metrics"] else ()
            parts = Group(self.make_tasks_table([task]), *numbers)
            yield Panel(parts, title=Text(task.description), title_align="left", width=width)


def _numbers(task: Task) -> RenderableType:
    """The newest metrics in three blocks: `_FIRST`, the reward terms, and the rest."""
    blocks: dict[str, Table] = {}
    for name, v in task.fields["metrics"].items():
        title = "" if name in _FIRST else "reward terms" if name in task.fields["terms"] else "others"
        new = Table(title, Column(justify="right"), box=None, padding=(0, 2, 0, 0), header_style="dim")
        label, number, unit = labelled(name, v)
        blocks.setdefault(title, new).add_row(Text(label), Text.assemble(number, " ", (unit, "dim")))
    return Columns(blocks.values())


def _curves(task: Task, width: int) -> RenderableType:
    """A sparkline for each metric with two values or more, between its first and its newest value."""
    curves = Table.grid(padding=(0, 1, 0, 0))
    for name in _DRAWN:
        points = list(task.fields["past"].get(name, ()))  # another thread may lengthen it
        if len(points) > 1:
            (label, first, unit), (_, newest, _) = (labelled(name, points[at][1]) for at in (0, -1))
            line = sparkline(points, max(8, width - 36))
            dim = [Text(t, "dim") for t in (first, unit)]
            curves.add_row(Text(label), dim[0], Text(line, "cyan"), Text(newest), dim[1])
    return curves


def sparkline(points: Sequence[tuple[float, float]], width: int) -> str:
    """Draw y over x as ``width`` blocks between the least and the largest y.

    A block is the mean of the points that fall on it; where there is none, it repeats the block before.
    """
    start, end = points[0][0], points[-1][0]
    falls: dict[int, list[float]] = {}
    for x, y in points:
        falls.setdefault(int((x - start) / ((end - start) or 1.0) * (width - 1)), []).append(y)
    means = [sum(ys) / len(ys) for ys in falls.values()]
    low, high = min(means), max(means)
    drawn = {at: _BLOCKS[round((y - low) / ((high - low) or 1.0) * 7)] for at, y in zip(falls, means, strict=True)}
    return "".join(itertools.accumulate((drawn.get(at, "") for at in range(width)), lambda before, new: new or before))


def labelled(name: str, v: float) -> tuple[str, str, str]:
    """Return a metric as label, number and unit."""
    if name == "steps_per_second":
        return "speed", f"{v:,.0f}", "steps/s"
    if name.endswith("_mm"):
        return name.removesuffix("_mm"), f"{v:.3g}", "mm"
    if name.endswith("_s"):
        return name.removesuffix("_s"), f"{v:.0f}", "s"
    return name, f"{v:.4g}", ""


def fitting(metrics: Mapping[str, float], width: int) -> str:
    """Return as many metrics as fit into ``width`` characters, from the first on."""
    line = ""
    for name, v in metrics.items():
        longer = f"{line}  {' '.join(labelled(name, v))}".strip()
        if len(longer) > width:
            break
        line = longer
    return line


def clock(seconds: float | None) -> str:
    """Return ``H:MM:SS``; dashes if the time is not known."""
    return "-:--:--" if seconds is None else str(datetime.timedelta(seconds=int(seconds)))
