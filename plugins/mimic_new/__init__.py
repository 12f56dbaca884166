"""``mimic new``: a package for a component of one's own, with a test that passes."""

from __future__ import annotations

from mimic_core import CommandSpec, hookimpl


@hookimpl
def mimic_commands():
    from mimic_new.command import new

    yield CommandSpec(name="new", function=new)
