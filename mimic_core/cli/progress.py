"""Progress on stderr: lines for a log file, bars for a terminal, and the panel of ``--watch``.

All of it comes from the event hooks, which are called about once a second; nothing else is read.
"""

from __future__ import annotations

import datetime
import itertools
import math
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import attrs

from mimic_core.plugins.markers import hookimpl

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

_FIRST = ("reward", "tracking_mm", "steps_per_second")
"""what a user looks for first"""
_DRAWN = ("reward", "tracking_mm")
"""metrics drawn over the run in the panel"""
_BLOCKS = "▁▂▃▄▅▆▇█"


@attrs.define
class StageState:
    """What is known of a stage.

    Attributes:
        terms: reward terms of a training, by name.
        done, total: of the stage's own unit; ``total`` is None before the first progress.
        newest: the newest value of every metric.
        past: every finite value of the metrics that are drawn, each with what was done by then.
        began, ended: s of `time.monotonic`.
    """

    name: str
    began: float
    terms: tuple[str, ...] = ()
    done: float = 0.0
    total: float | None = None
    newest: dict[str, float] = attrs.field(factory=dict)
    past: dict[str, list[tuple[float, float]]] = attrs.field(factory=dict)
    ended: float | None = None
    _first: tuple[float, float] = (0.0, 0.0)

    def update(self, done: float, total: float, metrics: Mapping[str, float]) -> None:
        if self.total is None or done < self.done:  # some stages count anew in each of their parts
            self._first = (time.monotonic(), done)
            self.past = {name: [] for name in _DRAWN}
        self.done, self.total = done, total
        self.newest = self.newest | dict(metrics)  # a new one, since another thread may be drawing the old
        for name, points in self.past.items():
            if math.isfinite(metrics.get(name, math.nan)):
                points.append((done, metrics[name]))

    @property
    def share(self) -> float:
        return 1.0 if self.ended is not None else self.done / self.total if self.total else 0.0

    @property
    def elapsed_s(self) -> float:
        return (self.ended or time.monotonic()) - self.began

    @property
    def remaining_s(self) -> float | None:
        """By the pace since the first progress: compilation, and what an earlier call has done, do not count."""
        at, done = self._first
        if self.ended is not None or self.total is None or self.done <= done:
            return None
        return (self.total - self.done) * (time.monotonic() - at) / (self.done - done)

    @property
    def ordered(self) -> dict[str, float]:
        """The newest metrics, the ones looked for first before the reward terms and those before the rest."""
        names = dict.fromkeys((*_FIRST, *self.terms, *self.newest))
        return {name: self.newest[name] for name in names if name in self.newest}


class Shown:
    """Keeps what the event hooks tell; a subclass shows it. A stage that fails is shown no more: its error is."""

    def __init__(self) -> None:
        self.stages: dict[str, StageState] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stderr.flush()

    def told(self, state: StageState) -> None:
        """Called after each progress."""

    @hookimpl
    def mimic_stage_started(self, stage: str, settings: Mapping[str, Any]) -> None:
        rewards = settings.get("settings", {}).get("rewards", {})  # of `mimic_core.chain.assembly.TrainPlan`
        self.stages[stage] = StageState(stage, time.monotonic(), tuple(rewards))

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        if stage in self.stages:
            self.stages[stage].update(done, total, metrics)
            self.told(self.stages[stage])

    @hookimpl
    def mimic_stage_finished(self, stage: str) -> None:
        if stage in self.stages:
            self.stages[stage].ended = time.monotonic()

    @hookimpl
    def mimic_stage_failed(self, stage: str) -> None:
        self.stages.pop(stage, None)


class ProgressLines(Shown):
    """Progress for a log file: a line every few seconds."""

    EVERY_S = 5.0
    WIDTH = 120
    """characters of a line where no terminal says"""

    def __init__(self) -> None:
        super().__init__()
        self._told = -math.inf

    def told(self, state: StageState) -> None:
        if time.monotonic() - self._told > self.EVERY_S or state.done >= state.total:
            self._told = time.monotonic()
            start = f"{state.name} {state.share:4.0%}  ETA {clock(state.remaining_s)}  "
            width = shutil.get_terminal_size((self.WIDTH, 24)).columns
            print(start + fitting(state.ordered, width - len(start)), file=sys.stderr, flush=True)


class ProgressBars(Shown):
    """A progress bar for each stage, with as many metrics as the terminal is wide enough for."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        super().__init__()
        self._live = Live(
            get_renderable=self.render, console=console or Console(stderr=True), refresh_per_second=4, transient=False
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # an error is one line, with no half bar above it
            self.stages = {name: s for name, s in self.stages.items() if s.ended is not None}
        self._live.transient = not self.stages
        self._live.stop()

    def render(self) -> RenderableType:
        from rich.table import Table

        bars = Table.grid(padding=(0, 2, 0, 0), expand=True)
        for name in ("stage", "bar", "percent", "elapsed", "remaining"):
            bars.add_column(no_wrap=name != "bar")  # what may wrap is what becomes narrower
        bars.add_column(ratio=1)
        for state in list(self.stages.values()):  # it is drawn by a thread of its own
            bars.add_row(f"[bold]{state.name}", *_bar(state), _Fitting(state.ordered))
        return bars


class WatchPanel(ProgressBars):
    """Everything known of the stage at work: each metric's newest value, and reward and tracking over the run."""

    MAX_WIDTH = 110

    def render(self) -> RenderableType:
        from rich.console import Group

        stages = list(self.stages.values())
        open_ = [s for s in stages if s.ended is None] or stages[-1:]
        ended = [f"{s.name} done in {clock(s.elapsed_s)}" for s in stages if s not in open_]
        return Group(*ended, *map(self._panel, open_))

    def _panel(self, state: StageState) -> RenderableType:
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table

        width = min(self._live.console.width, self.MAX_WIDTH)
        head = Table.grid(padding=(0, 2, 0, 0))
        head.add_row(*_bar(state), f"{state.done:,.0f} of {state.total:,.0f}" if state.total else "")
        parts = [head, "", _numbers(state), "", _curves(state, width - 4)] if state.newest else [head]
        return Panel(Group(*parts), title=state.name, title_align="left", width=width)


class _Fitting:
    """Metrics on one line, as many as there is room for."""

    def __init__(self, metrics: Mapping[str, float]) -> None:
        self._metrics = metrics

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        from rich.text import Text

        yield Text(fitting(self._metrics, options.max_width), no_wrap=True)


def _bar(state: StageState) -> list[RenderableType]:
    """Bar, percent, elapsed and remaining time."""
    from rich.progress_bar import ProgressBar

    total = 1.0 if state.ended is not None or state.total is not None else None  # None: it pulses
    return [
        ProgressBar(total=total, completed=state.share, width=12),
        f"{state.share:4.0%}",
        clock(state.elapsed_s),
        f"ETA {clock(state.remaining_s)}" if state.ended is None else "",
    ]


def _numbers(state: StageState) -> RenderableType:
    """The newest metrics in columns: the ones looked for first, the reward terms, the rest."""
    from rich.table import Table

    first = [n for n in state.ordered if n in _FIRST]
    terms = [n for n in state.ordered if n in state.terms and n not in _FIRST]
    rest = [n for n in state.ordered if n not in (*first, *terms)]
    columns = {"": first, "reward terms": terms, "others" if terms else "": rest}
    blocks = [_block(title, [said(n, state.newest[n]) for n in names]) for title, names in columns.items() if names]
    numbers = Table.grid(padding=(0, 2, 0, 0))
    for _ in blocks:
        numbers.add_column()
        numbers.add_column(justify="right")
    for cells in itertools.zip_longest(*blocks, fillvalue=("", "")):
        numbers.add_row(*itertools.chain(*cells))
    return numbers


def _block(title: str, metrics: Sequence[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Rows of label, number with unit, under a title."""
    return [(f"[dim]{title}", ""), *((label, f"{number} [dim]{unit}".strip()) for label, number, unit in metrics)]


def _curves(state: StageState, width: int) -> RenderableType:
    """A sparkline for each metric that has a past, between its first and its newest value."""
    from rich.table import Table

    curves = Table.grid(padding=(0, 1, 0, 0))
    for name, growing in state.past.items():
        points = list(growing)
        if len(points) > 1:
            (label, first, unit), (_, newest, _) = (said(name, points[at][1]) for at in (0, -1))
            curves.add_row(
                label, f"[dim]{first}", f"[cyan]{sparkline(points, max(8, width - 36))}", newest, f"[dim]{unit}"
            )
    return curves


def sparkline(points: Sequence[tuple[float, float]], width: int) -> str:
    """Draw y over x as ``width`` blocks between the least and the largest y.

    A block is the mean of the points that fall on it; where there is none, the one before it goes on.
    """
    start, end = points[0][0], points[-1][0]
    falls: list[list[float]] = [[] for _ in range(width)]
    for x, y in points:
        falls[int((x - start) / ((end - start) or 1.0) * (width - 1))].append(y)
    means = [sum(ys) / len(ys) if ys else None for ys in falls]
    for at in range(1, width):
        means[at] = means[at - 1] if means[at] is None else means[at]
    low, high = min(means), max(means)
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((y - low) / ((high - low) or 1.0) * steps)] for y in means)


def said(name: str, v: float) -> tuple[str, str, str]:
    """A metric as label, number and unit."""
    if name == "steps_per_second":
        return "speed", f"{v:,.0f}", "steps/s"
    if name.endswith("_mm"):
        return name.removesuffix("_mm"), f"{v:.3g}", "mm"
    return name, f"{v:.4g}", ""


def fitting(metrics: Mapping[str, float], width: int) -> str:
    """As many metrics as fit into ``width`` characters, the first before the others."""
    line = ""
    for name, v in metrics.items():
        longer = f"{line}  {' '.join(said(name, v))}".strip()
        if len(longer) > width:
            break
        line = longer
    return line


def clock(seconds: float | None) -> str:
    """``H:MM:SS``; dashes where the time is not known."""
    return "-:--:--" if seconds is None else str(datetime.timedelta(seconds=int(seconds)))
