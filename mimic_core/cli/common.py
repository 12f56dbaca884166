"""What the commands share: options, progress on stderr, one JSON object on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core.chain.installed import installed
from mimic_core.config import merge, nest
from mimic_core.errors import ConfigError
from mimic_core.plugins.display import Display
from mimic_core.plugins.manager import Plugins
from mimic_guard import Refused
from mimic_guard.text import DEEPEST, parse_toml

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object on standard output.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting by its dotted path; may be given often.", show_default=False
    ),
]
Watch = Annotated[
    bool, typer.Option("--watch", help="Show every metric and its course over the run, instead of a progress bar.")
]


class Session:
    """What the options before the command said."""

    def __init__(self) -> None:
        self.loaded: set[Path] = set()
        self.warned: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Forget the options; called before a command line is read."""
        self.plugin_files: tuple[Path, ...] = ()
        self.debug = False

    def warn_once(self, text: str) -> None:
        """Say something on standard error, once in a process."""
        if text not in self.warned:
            self.warned.add(text)
            print(f"mimic: warning: {text}", file=sys.stderr)


session = Session()


def load_plugins() -> Plugins:
    """Return the installed plugins and those given with ``--plugin``."""
    plugins = installed()
    for path in session.plugin_files:
        if path.resolve() not in session.loaded:
            plugins.load_file(path)
            session.loaded.add(path.resolve())
    return plugins


def parse_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Turn ``["a.b=1", "c=text"]`` into ``{"a": {"b": 1}, "c": "text"}``; values are TOML, else text."""
    out: dict[str, Any] = {}
    for text in assignments:
        key, sep, raw = text.partition("=")
        keys = [k.strip() for k in key.split(".")]
        if not sep or not all(keys) or len(keys) > DEEPEST:
            raise ConfigError(f"--set {text}: expected KEY=VALUE, e.g. --set rewards.control.weight=0.15")
        try:
            v = parse_toml(f"v = {raw}")["v"]
        except Refused as e:
            raise ConfigError(f"--set {key}: {e}") from e
        except tomllib.TOMLDecodeError:
            v = raw.strip()
        out = merge(out, nest(keys, v))
    return out


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
def working(plugins: Plugins, watch: bool = False) -> Iterator[None]:
    """While work is done, show progress on stderr, and send whatever libraries print there too.

    ``watch`` asks for all metrics.
    """
    with contextlib.redirect_stdout(sys.stderr), _display(plugins).working(watch) as shown:
        plugins.manager.register(shown, "cli:progress")
        try:
            from mimic_core.trainer.runtime import prepare_jax

            prepare_jax()
            yield
        finally:
            plugins.manager.unregister(shown)


def emit(summary: Mapping[str, Any], as_json: bool, lines: Iterable[Any] = ()) -> None:
    """Print the summary: one JSON object, or what ``lines`` says: texts, tables and headlines."""
    if as_json:
        print(json.dumps(summary, allow_nan=False), file=sys.stdout)
    else:
        _display(load_plugins()).show(lines)


def _display(plugins: Plugins) -> Display:
    spec = plugins.default("display")
    return spec.build(spec.config())
