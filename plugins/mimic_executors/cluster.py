"""Jobs as tasks of a Ray cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mimic_core import ConfigError, Job, Outcome
from mimic_executors.jobs import crashed, failure, start, stop

if TYPE_CHECKING:
    from mimic_executors.settings import RaySettings

_LOOK_EVERY_S = 1.0


class Died(Exception):
    """The process of a job died; Ray begins the task again."""


def executor(config: RaySettings) -> Callable[[str, Sequence[Job]], Iterator[Outcome | None]]:
    """Return ``run(work, jobs)``, see `mimic_core.ExecutorSpec`."""

    def run(work: str, jobs: Sequence[Job]) -> Iterator[Outcome | None]:
        with _connected(config.address) as ray:
            options = {
                "num_cpus": config.cpus,
                "num_gpus": config.gpus,
                "max_retries": config.retries,
                "retry_exceptions": [Died],
                "scheduling_strategy": "SPREAD",
            }
            task = ray.remote(_do)
            pending: dict[Any, Job] = {task.options(name=j.name, **options).remote(work, j): j for j in jobs}
            try:
                while pending:
                    ended, _ = ray.wait(list(pending), timeout=_LOOK_EVERY_S)
                    for task_ref in ended:
                        yield Outcome(pending.pop(task_ref), _error(ray, task_ref))
                    if not ended:
                        yield None
            finally:
                for task_ref in pending:
                    ray.cancel(task_ref, force=True)

    return run


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Join the cluster, or stay in it if this process belongs to one already."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as e:
        raise ConfigError("executor ray: Ray is not installed; run: pip install 'mimic-neuro[ray]'") from e
    if ray.is_initialized():
        yield ray
        return
    try:
        _answers(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as e:
        raise ConfigError(
            f"executor.address: no Ray cluster at {address!r} ({' '.join(str(e).split())[:150]}); begin one "
            "with 'ray start --head', or set address = \"local\""
        ) from e
    try:
        yield ray
    finally:
        ray.shutdown()


def _answers(address: str) -> None:
    """Try a HOST:PORT first: Ray itself waits for minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host, int(port)), timeout=10).close()


def _do(work: str, job: Job) -> str | None:
    """Do a job on the machine that the task was sent to, in a process that ends with the task."""
    process = start(work, job)
    try:
        process.wait()
    finally:
        stop(process)
    if crashed(process):
        raise Died(failure(process, job))
    return failure(process, job)


def _error(ray: Any, task_ref: Any) -> str | None:
    try:
        return ray.get(task_ref)
    except ray.exceptions.RayTaskError as e:
        return " ".join(str(e.cause).split())
    except ray.exceptions.RayError as e:
        return " ".join(str(e).split())[:300]
