"""Run files: ``mimic run`` does the stages of one, and a second time only those where something changed."""

from __future__ import annotations

from mimic_core import CommandSpec, hookimpl


@hookimpl
def mimic_commands():
    from mimic_run.command import run

    yield CommandSpec(name="run", function=run)
