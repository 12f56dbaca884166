"""What a person sees in a terminal: bars, lines or a panel while work is done, and tables of what came of it."""

from __future__ import annotations

from mimic_core import DisplaySpec, NoSettings, hookimpl


def build(config: NoSettings):
    from mimic_terminal.terminal import Terminal

    return Terminal()


@hookimpl
def mimic_displays():
    yield DisplaySpec(name="terminal", build=build, default=True, summary="progress bars, and tables")
