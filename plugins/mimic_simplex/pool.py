"""Work on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from mimic_core import Progress

_shared: Any = None


def _start(shared: Any) -> None:
    global _shared
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)  # as many processes as cores: threads within them only wait for one another
    _shared = shared


def _call(work: Callable, job: Any) -> Any:
    return work(_shared, job)


def run(
    work: Callable[[Any, Any], Any],
    jobs: Sequence[Any],
    shared: Any,
    workers: int,
    progress: Progress | None,
) -> list[Any]:
    """Return ``work(shared, job)`` of every job, in order.

    Args:
        work: a function at the top of a module.
        shared: goes to each process once.
        workers: processes; 0 means one for each core.
        progress: called with the number of jobs done, of how many.
    """
    workers = min(workers or len(os.sched_getaffinity(0)), len(jobs))
    if workers <= 1:
        return _gather((work(shared, job) for job in jobs), len(jobs), progress)
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    # Forking a process that has threads, as JAX has, may hang.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start, initargs=(shared,)) as pool:
        return _gather(pool.map(partial(_call, work), jobs), len(jobs), progress)


def _gather(results: Iterable[Any], n: int, progress: Progress | None) -> list[Any]:
    out = []
    for result in results:
        out.append(result)
        if progress:
            progress(len(out), n, {})
    return out
