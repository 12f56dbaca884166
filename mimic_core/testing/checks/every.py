"""Checks of every kind of component: settings, summary, and that `build` gives a function."""

from __future__ import annotations

import inspect
from typing import Any

import attrs

from mimic_core.config import structure, unstructure
from mimic_core.errors import ConfigError, PluginError
from mimic_core.plugins.command import CommandSpec
from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.manager import Plugins


def check_settings(record: ComponentSpec, plugins: Plugins | None = None) -> None:
    """The settings have defaults that their own validators accept, and survive being written and read."""
    for f in attrs.fields(record.config):
        if f.default is attrs.NOTHING:
            raise PluginError(f"setting {f.name!r} has no default; give it one, so that the name alone is enough")
    config = record.config()
    try:
        again: Any = structure(unstructure(config), record.config, record.name)
    except ConfigError as e:
        raise PluginError(
            f"the default settings are not accepted when read back ({e}); make defaults, types and validators agree"
        ) from e
    if again != config:
        raise PluginError(
            f"the settings {config} come back as {again}; use plain types: numbers, text, tuples, "
            "tables and attrs classes"
        )


def check_summary(record: Any, plugins: Plugins | None = None) -> None:
    """The summary is one line of text."""
    if not isinstance(record.summary, str) or not record.summary.strip() or "\n" in record.summary:
        raise PluginError(f"summary is {record.summary!r}; say in one line what it is, for 'mimic plugins list'")


def check_command(record: CommandSpec, plugins: Plugins) -> None:
    """It is a function with a docstring, or a typer application with a summary, that typer can make a command of."""
    import typer

    if not callable(record.function) and not isinstance(record.function, typer.Typer):
        raise PluginError(f"function is {record.function!r}; give a function or a typer.Typer")
    if not record.summary and not inspect.getdoc(record.function):
        raise PluginError("has neither a summary nor a docstring; say in one line what it does, for 'mimic --help'")
    if not isinstance(record.function, typer.Typer):
        alone = typer.Typer(add_completion=False)
        alone.command(name=record.name)(record.function)
        typer.main.get_command(alone)


def check_builds(record: Any, plugins: Plugins) -> None:
    """With its default settings `build` gives a function."""
    built = record.build(record.config())
    if not callable(built):
        raise PluginError(f"build returns {type(built).__name__}; return a function (see {type(record).__name__})")


def check_suffixes(record: Any, plugins: Plugins) -> None:
    """File endings are in small letters and have their dot."""
    for suffix in record.suffixes or ("",):
        if not suffix.startswith(".") or suffix != suffix.lower():
            raise PluginError(f"suffixes has {suffix!r}; give lower-case file endings with the dot, e.g. '.csv'")
