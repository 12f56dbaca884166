"""The `local` executor: the jobs of a sweep in processes on this machine."""

from __future__ import annotations

from mimic_core import ExecutorSpec, hookimpl
from mimic_local.settings import Settings


def build(config: Settings):
    from mimic_local.processes import executor

    return executor(config)


@hookimpl
def mimic_executors():
    yield ExecutorSpec(
        name="local",
        config=Settings,
        build=build,
        default=True,
        summary="processes on this machine, one after the other or several at once",
    )
