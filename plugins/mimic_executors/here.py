"""Processes on this machine."""

from __future__ import annotations

import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mimic_core import Job, Outcome
from mimic_executors.jobs import crashed, failure, start, stop

if TYPE_CHECKING:
    from mimic_executors.settings import LocalSettings

_LOOK_EVERY_S = 0.2


def executor(config: LocalSettings) -> Callable[[str, Sequence[Job]], Iterator[Outcome | None]]:
    """Return ``run(work, jobs)``, see `mimic_core.ExecutorSpec`."""

    def run(work: str, jobs: Sequence[Job]) -> Iterator[Outcome | None]:
        waiting = deque((job, config.retries) for job in jobs)
        running: dict[subprocess.Popen[str], tuple[Job, int]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < config.workers:
                    job, retries = waiting.popleft()
                    running[start(work, job)] = job, retries
                ended = [process for process in running if process.poll() is not None]
                for process in ended:
                    job, retries = running.pop(process)
                    stop(process)
                    if crashed(process) and retries:
                        waiting.append((job, retries - 1))
                    else:
                        yield Outcome(job, failure(process, job))
                if not ended:
                    yield None
                    time.sleep(_LOOK_EVERY_S)
        finally:
            for process in running:
                stop(process)

    return run
