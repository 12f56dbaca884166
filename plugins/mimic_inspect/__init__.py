"""What is installed: ``mimic plugins`` lists, shows and checks components, ``mimic info`` tells versions."""

from __future__ import annotations

from mimic_core import CommandSpec, hookimpl


@hookimpl
def mimic_commands():
    from mimic_inspect.components import components
    from mimic_inspect.installation import info

    yield CommandSpec(name="info", function=info)
    yield CommandSpec(name="plugins", function=components, summary="See what is installed, and whether it works.")
