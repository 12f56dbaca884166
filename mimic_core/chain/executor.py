"""What an executor is: something that runs jobs, each in a process of its own, here or on other machines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core.plugins.component import ComponentSpec


@attrs.frozen(kw_only=True)
class Job:
    """A piece of work that can be sent to another machine.

    Attributes:
        name: for people.
        data: what the work is given, JSON-able; its files are on disks that every machine sees under one path.
        log: file that the process's output is added to.
    """

    name: str
    data: Mapping[str, Any] = attrs.field(repr=False)
    log: Path = attrs.field(converter=Path)


@attrs.frozen
class Outcome:
    """How a job ended: ``error`` is None, or one line that says what went wrong."""

    job: Job
    error: str | None = None


@attrs.frozen(kw_only=True)
class ExecutorSpec(ComponentSpec):
    """An executor. ``build(config) -> run`` with ``run(work: str, jobs: Sequence[Job]) -> Iterator[Outcome | None]``.

    ``work`` names a function, ``package.module:function``, that is called with a job's data. ``run`` yields an
    `Outcome` for every job as it ends, and None about every second while it waits. A job whose process dies is
    begun again, so the work must be able to go on with what an earlier attempt left; a job whose work raises an error
    is not. Closing the iterator ends the jobs that are running.
    """
