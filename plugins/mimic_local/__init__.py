"""The `local` executor: the jobs of a sweep in processes on this machine."""

from __future__ import annotations

import attrs

from mimic_core import ExecutorSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the local executor.

    Attributes:
        workers: jobs that run at the same time. One training uses every core already; more of them pay where
            trainings are small or wait for something.
        retries: how often a job whose process dies is begun again.
    """

    workers: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    retries: int = attrs.field(default=1, validator=attrs.validators.ge(0))


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
