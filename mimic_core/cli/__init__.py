"""The command line. Importing this does not import jax."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mimic_core.cli.analyze import analyze
from mimic_core.cli.body import body
from mimic_core.cli.common import load_plugins, session
from mimic_core.cli.emg import emg
from mimic_core.cli.export import export, import_
from mimic_core.cli.generate import generate
from mimic_core.cli.info import info
from mimic_core.cli.plugins import plugins_app
from mimic_core.cli.register import register
from mimic_core.cli.report import report
from mimic_core.cli.rollout import rollout
from mimic_core.cli.run import run
from mimic_core.cli.sweep import sweep
from mimic_core.cli.train import train
from mimic_core.errors import MimicError

app = typer.Typer(
    name="mimic",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From tracked keypoints to muscle activity: fit a body to keypoints, train a controller that makes the "
    "same movement in physics, and analyse what its muscles did.\n\n"
    "The chain, a command each: **register** → **train** → **rollout** → **analyze** (with **emg**, what was "
    "recorded); **run** does all of it from "
    "one file. Every command has **--help** with an example, and **--json** for machines.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"mimic {version('mimic-neuro')}")
        raise typer.Exit


@app.callback()
def _options(
    plugin: Annotated[
        list[Path] | None, typer.Option(help="Load a one-file plugin; may be given often.", show_default=False)
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    session.debug = session.debug or debug


for command in (register, train, rollout, emg, analyze, report, run, sweep, generate, body, export, info):
    app.command()(command)
app.command(name="import")(import_)
app.add_typer(plugins_app, name="plugins")


_added: set[tuple[str, str]] = set()
"""(plugin, command) of the subcommands that plugins brought: `main` may be called again in one process"""


def _add_plugin_commands() -> None:
    """Add the subcommands of plugins; a name that is taken stays with who had it, and that is said once."""
    plugins = load_plugins()
    taken = {c.name or c.callback.__name__ for c in app.registered_commands} | {g.name for g in app.registered_groups}
    for offered in plugins.provided("command"):
        spec = offered.record
        if (offered.plugin, spec.name) in _added:
            continue
        if spec.name in taken:
            print(
                f"mimic: warning: command {spec.name!r} of {offered.plugin} is left out: the name is taken; "
                "rename it or remove the plugin",
                file=sys.stderr,
            )
            continue
        taken.add(spec.name)
        _added.add((offered.plugin, spec.name))
        if isinstance(spec.function, typer.Typer):
            app.add_typer(spec.function, name=spec.name, help=spec.summary or None)
        else:
            app.command(name=spec.name, help=spec.summary or None)(spec.function)


def _plugin_files(arguments: list[str]) -> tuple[Path, ...]:
    """The files given with ``--plugin`` before the command: they may bring commands, so they are read first."""
    files = []
    for at, word in enumerate(arguments):
        if word == "--plugin" and at + 1 < len(arguments):
            files.append(Path(arguments[at + 1]))
        elif word.startswith("--plugin="):
            files.append(Path(word.partition("=")[2]))
    return tuple(files)


def main() -> None:
    """Run the command line; an error that the user can mend is one line and exit status 1."""
    try:
        session.debug = "--debug" in sys.argv[1:]
        session.plugin_files = _plugin_files(sys.argv[1:])
        _add_plugin_commands()
        app()
    except MimicError as e:
        if session.debug:
            raise
        print(f"mimic: error: {' '.join(str(e).split())}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("mimic: stopped; the same command goes on where it can", file=sys.stderr)
        sys.exit(130)
