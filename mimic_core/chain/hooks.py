"""The hook that brings ways to run jobs."""

from __future__ import annotations

from collections.abc import Iterator

from mimic_core.chain.executor import ExecutorSpec
from mimic_core.plugins.component import Kind
from mimic_core.plugins.markers import hookspec


@hookspec
def mimic_executors() -> Iterator[ExecutorSpec]:
    """Yield ways to run the jobs of a sweep: in processes, on a cluster.

    >>> def build(config):
    ...     def run(work, jobs):
    ...         for job in jobs:
    ...             yield Outcome(job, error="nobody works here")
    ...     return run
    >>> @hookimpl
    ... def mimic_executors():
    ...     yield ExecutorSpec(name="idle", build=build)
    """


KINDS = (Kind("executor", "mimic_executors", ExecutorSpec),)
"""Kinds of component that come through these hooks."""
