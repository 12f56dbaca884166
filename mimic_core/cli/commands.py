"""Which commands there are: those of stages, and others that plugins bring."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import typer
from typer.core import TyperGroup

from mimic_core.chain.declare import kind_depths
from mimic_core.cli.common import load_plugins, session
from mimic_core.cli.stage_command import stage_command
from mimic_core.plugins.manager import Plugins
from mimic_core.plugins.stage import StageSpec


class Stopped(BaseException):
    """Ctrl-C or SIGTERM, which the error that it comes from tells of; typer would end with a bare word."""


class Commands(TyperGroup):
    """All commands: the stages' in the order of the chain, then the others."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; let it be known that it was stopped."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as e:
            raise Stopped from e

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands."""
        return list(self._known(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any | None:
        """The command of a name, or None."""
        make = self._known(ctx).get(cmd_name)
        return make() if make else None

    def _known(self, ctx: Any) -> dict[str, Callable[[], Any]]:
        """All commands, gathered once in a command line."""
        if __name__ not in ctx.meta:
            ctx.meta[__name__] = _all()
        return ctx.meta[__name__]


def _all() -> dict[str, Callable[[], Any]]:
    """Name of every command → a function that makes it."""
    plugins = load_plugins()
    out: dict[str, Callable[[], Any]] = {}
    for spec in in_chain_order(plugins, [s for s in plugins.all("stage") if not s.command]):
        sharing = [s for s in plugins.all("stage") if s.command == spec.name]
        out[spec.name] = partial(lambda s, others: _made(stage_command(s, others), s.name), spec, sharing)
    for offered in plugins.provided("command"):
        spec = offered.record
        if spec.name in out:
            session.warn_once(
                f"command {spec.name!r} of {offered.plugin} is left out: the name is taken; rename it or remove the "
                "plugin"
            )
        else:
            out[spec.name] = partial(_made, spec.function, spec.name, spec.summary)
    return out


def _made(function: Any, name: str, help: str = "") -> Any:
    """Make a click command of a typer-style function, or of a typer application."""
    if isinstance(function, typer.Typer):
        group = typer.Typer(rich_markup_mode="markdown")
        group.add_typer(function, name=name, help=help or None)
        return typer.main.get_group(group).commands[name]
    alone = typer.Typer(rich_markup_mode="markdown", add_completion=False)
    alone.command(name=name, help=help or None)(function)
    command = typer.main.get_command(alone)
    command.context_settings["help_option_names"] = ["-h", "--help"]
    return command


def in_chain_order(plugins: Plugins, stages: list[StageSpec]) -> list[StageSpec]:
    """Sort stages so that each follows those that write what it reads; those with inputs by options come last."""
    depths = kind_depths(plugins)

    def place(spec: StageSpec) -> int:
        if callable(spec.reads):
            return 100
        if any(r.kind not in depths and not r.optional for r in spec.reads):  # a whole run
            return 101
        return max((depths.get(r.kind, 0) for r in spec.reads if r.automatic), default=0)

    return sorted(stages, key=lambda s: (place(s), not s.writes, s.name))
