"""Telling plugins what happens in a stage, and letting loggers listen."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pluggy

from mimic_core.config import structure
from mimic_core.errors import ConfigError, PluginError
from mimic_core.files import to_json
from mimic_core.plugins import hooks
from mimic_core.plugins.markers import PROJECT, hookimpl

if TYPE_CHECKING:
    from mimic_core.plugins.manager import Plugins

LOGS = "logs"
"""folder of a training run that loggers write to; nothing that is computed depends on it"""


class Events:
    """Tells plugins what happens in one stage. As a context manager it also tells of the error that ends the stage."""

    def __init__(self, plugins: Plugins, stage: str, settings: Mapping[str, Any]) -> None:
        self._hook, self.stage = plugins.manager.hook, stage
        self._began = time.perf_counter()
        self._hook.mimic_stage_started(stage=stage, settings=to_json(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if error is not None:
            self._hook.mimic_stage_failed(stage=self.stage, error=error)

    def progress(self, done: float, total: float, metrics: Mapping[str, float] | None = None) -> None:
        self._hook.mimic_progress(stage=self.stage, done=done, total=total, metrics=dict(metrics or {}))

    def finish(self, summary: dict[str, Any]) -> dict[str, Any]:
        summary = to_json({**summary, "seconds": round(time.perf_counter() - self._began, 3)})
        self._hook.mimic_stage_finished(stage=self.stage, summary=summary)
        return summary


def make_loggers(plugins: Plugins, chosen: Mapping[str, Any], run: Path) -> list[Listener]:
    """Build the loggers of a training.

    Args:
        chosen: logger → its settings, as the table ``[log]`` of a run file.
        run: folder of the training; loggers write below its folder `LOGS`.

    Raises:
        ConfigError: a setting is wrong, or a logger cannot work here.
        PluginError: an unknown logger, or one that hears nothing.
    """
    listeners = []
    for name, settings in chosen.items():
        if not isinstance(settings, Mapping):
            raise ConfigError(f"log.{name}: must be a table, got {settings!r}; e.g. [log.{name}]")
        spec = plugins.get("logger", name)
        listeners.append(Listener(name, spec.build(structure(dict(settings), spec.config, f"log.{name}"), run / LOGS)))
    return listeners


@contextlib.contextmanager
def listening(plugins: Plugins, loggers: list[Listener]) -> Iterator[None]:
    """Let loggers hear what happens while the block runs."""
    with contextlib.ExitStack() as stack:
        for logger in loggers:
            plugins.manager.register(logger, f"logger:{logger.name}")
            stack.callback(plugins.manager.unregister, logger)
        yield


class Listener:
    """Passes events on to one logger; if the logger raises, it is dropped and the training goes on."""

    def __init__(self, name: str, logger: object) -> None:
        self.name = name
        self._logger: pluggy.PluginManager | None = pluggy.PluginManager(PROJECT)
        self._logger.add_hookspecs(hooks)
        try:
            self._logger.register(logger, name)
            self._logger.check_pending()
        except (pluggy.PluginValidationError, ValueError) as e:
            raise PluginError(f"logger {name}: {' '.join(str(e).split())}; see 'mimic_core/plugins/hooks.py'") from e
        if not self._logger.get_hookcallers(logger):
            raise PluginError(f"logger {name}: hears nothing; mark its methods with @mimic_core.hookimpl")

    def _tell(self, event: str, **what: Any) -> None:
        if self._logger is None:
            return
        try:
            getattr(self._logger.hook, event)(**what)
        except Exception as e:
            self._logger = None
            said = f"{type(e).__name__}: {' '.join(str(e).split())}"[:300]
            print(
                f"mimic: warning: logger {self.name} stopped: {said}; the work goes on without it",
                file=sys.stderr,
                flush=True,
            )

    @hookimpl
    def mimic_stage_started(self, stage: str, settings: Mapping[str, Any]) -> None:
        self._tell("mimic_stage_started", stage=stage, settings=settings)

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        self._tell("mimic_progress", stage=stage, done=done, total=total, metrics=metrics)

    @hookimpl
    def mimic_stage_finished(self, stage: str, summary: Mapping[str, Any]) -> None:
        self._tell("mimic_stage_finished", stage=stage, summary=summary)

    @hookimpl
    def mimic_stage_failed(self, stage: str, error: BaseException) -> None:
        self._tell("mimic_stage_failed", stage=stage, error=error)
