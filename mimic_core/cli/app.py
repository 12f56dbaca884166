"""The command ``mimic``: what it is made of, and what happens with errors."""

from __future__ import annotations

import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated

import numpy  # noqa: F401 (before typer: with typing_extensions there, importing numpy takes twice as long)
import typer

from mimic_core.cli.commands import Commands, Stopped
from mimic_core.cli.common import session
from mimic_core.errors import DataWarning, MimicError
from mimic_guard.stopping import end, ends_when_asked

app = typer.Typer(
    name="mimic",
    cls=Commands,
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


def _plugin_files(files: list[Path] | None) -> list[Path] | None:
    session.plugin_files = tuple(files or ())
    return files


def _debug(wanted: bool) -> bool:
    session.debug = session.debug or wanted
    return wanted


@app.callback()
def _options(
    plugin: Annotated[
        list[Path] | None,
        typer.Option(
            help="Load a one-file plugin; may be given often.",
            show_default=False,
            callback=_plugin_files,
            is_eager=True,
        ),
    ] = None,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", envvar="MIMIC_DEBUG", help="Show the traceback of an error.", callback=_debug, is_eager=True
        ),
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and stop.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Options before the command."""


@ends_when_asked()
def main() -> None:
    """Run the command line; whatever goes wrong is one line, and exit status 1."""
    session.reset()
    show = warnings.showwarning
    try:
        warnings.showwarning = lambda text, kind, *rest: (
            session.warn_once(str(text)) if issubclass(kind, DataWarning) else show(text, kind, *rest)
        )
        app()
    except (Stopped, KeyboardInterrupt) as e:
        why = e.__cause__ or e
        terminated = why.args == (signal.SIGTERM.name,)
        end(signal.SIGTERM if terminated else signal.SIGINT, getattr(why, "__notes__", []))
    except Exception as e:
        if session.debug:
            raise
        found = e if isinstance(e, MimicError) else f"{type(e).__name__}: {e} (unforeseen; mimic --debug shows where)"
        if isinstance(e, OSError) and e.filename and e.strerror:
            found = f"{e.filename}: {e.strerror.lower()}; choose another place"
        print(f"mimic: error: {' '.join(str(found).split())}", file=sys.stderr)
        sys.exit(1)
