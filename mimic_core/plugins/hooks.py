"""Hooks that belong to no other room: stages, loggers, subcommands, displays, and events that any plugin may hear.

Names in the examples of hooks, here and in the other rooms, are those of `mimic_core`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mimic_core.plugins.command import CommandSpec
from mimic_core.plugins.component import Kind
from mimic_core.plugins.display import DisplaySpec
from mimic_core.plugins.logger import LoggerSpec
from mimic_core.plugins.markers import hookspec
from mimic_core.plugins.stage import StageSpec


@hookspec
def mimic_stages() -> Iterator[StageSpec]:
    """Yield stages of the chain.

    >>> import attrs
    >>> @attrs.frozen
    ... class Count:
    ...     least: int = option(1, help="Fewest frames of a clip that counts.")
    >>> def work(options, inputs, context):
    ...     return {"clips": 3}
    >>> @hookimpl
    ... def mimic_stages():
    ...     yield StageSpec(name="count", config=Count, work=work, output="count.json", summary="count clips")
    """


@hookspec
def mimic_loggers() -> Iterator[LoggerSpec]:
    """Yield loggers, which keep what happens in a training where it can be watched.

    >>> class Printer:
    ...     @hookimpl
    ...     def mimic_progress(self, done, metrics):
    ...         print(f"{done:g} steps, reward {metrics['reward']:g}")
    >>> @hookimpl
    ... def mimic_loggers():
    ...     yield LoggerSpec(name="printer", build=lambda config, out: Printer())
    >>> next(mimic_loggers()).build(None, "run/logs").mimic_progress(done=2000, metrics={"reward": 3.5})
    2000 steps, reward 3.5
    """


@hookspec
def mimic_commands() -> Iterator[CommandSpec]:
    """Yield extra subcommands of ``mimic``.

    >>> def hello():
    ...     "Say hello."
    >>> @hookimpl
    ... def mimic_commands():
    ...     yield CommandSpec(name="hello", function=hello)
    """


@hookspec
def mimic_displays() -> Iterator[DisplaySpec]:
    """Yield displays, which show a person what is done and what came of it.

    >>> @hookimpl
    ... def mimic_displays():
    ...     yield DisplaySpec(name="silent", build=lambda config: None)
    """


@hookspec
def mimic_stage_started(stage: str, settings: Mapping[str, Any]) -> None:
    """Hear that a stage (``register``, ``train``, …) begins, with its settings.

    >>> @hookimpl
    ... def mimic_stage_started(stage, settings):
    ...     print(stage, "with", len(settings), "settings")
    >>> mimic_stage_started(stage="train", settings={"seed": 0})
    train with 1 settings
    """


@hookspec
def mimic_progress(stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
    """Hear how far a stage is. Called about once a second, never per control step.

    In a training ``done`` and ``total`` are control steps, and ``metrics`` holds what was read back from the device:
    the mean of every reward term by its name, ``reward``, ``steps_per_second``, the losses, and after an evaluation
    ``tracking_mm``.

    >>> @hookimpl
    ... def mimic_progress(stage, done, total, metrics):
    ...     print(f"{stage}: {done / total:.0%}")
    >>> mimic_progress(stage="train", done=1, total=4, metrics={})
    train: 25%
    """


@hookspec
def mimic_stage_finished(stage: str, summary: Mapping[str, Any]) -> None:
    """Hear that a stage ended, with its summary (what ``--json`` prints).

    >>> @hookimpl
    ... def mimic_stage_finished(stage, summary):
    ...     print(stage, "done")
    >>> mimic_stage_finished(stage="train", summary={})
    train done
    """


@hookspec
def mimic_stage_failed(stage: str, error: BaseException) -> None:
    """Hear that an error ended a stage, or that the user stopped it (`KeyboardInterrupt`).

    >>> @hookimpl
    ... def mimic_stage_failed(stage, error):
    ...     print(stage, "failed:", error)
    >>> mimic_stage_failed(stage="train", error=ValueError("reward is not finite"))
    train failed: reward is not finite
    """


KINDS = (
    Kind("stage", "mimic_stages", StageSpec),
    Kind("logger", "mimic_loggers", LoggerSpec),
    Kind("command", "mimic_commands", CommandSpec),
    Kind("display", "mimic_displays", DisplaySpec),
)
"""Kinds of component that come through these hooks."""
