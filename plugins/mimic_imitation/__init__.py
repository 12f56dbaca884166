"""The task that is done where nobody names another: make the recorded movements."""

from __future__ import annotations

from mimic_core import Goal, TaskSpec, hookimpl


def build(config, model):
    return Goal()


@hookimpl
def mimic_tasks():
    yield TaskSpec(
        name="imitation", build=build, default=True, summary="make the recorded movements, beginning anywhere in them"
    )
