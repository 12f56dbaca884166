"""The demonstration and the examples, from any folder: ``mimic demo`` and ``mimic examples``."""

from __future__ import annotations

from mimic_core import CommandSpec, hookimpl


@hookimpl
def mimic_commands():
    from mimic_demo.commands import demo, examples

    yield CommandSpec(name="demo", function=demo)
    yield CommandSpec(name="examples", function=examples)
