"""What an executor is: something that runs jobs, each in a process of its own, here or on other machines."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core.errors import MimicError
from mimic_core.plugins.component import ComponentSpec

_REFUSED = 3
"""exit status of a process whose work raised an error; a second attempt would fail too, so none is made"""


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
    is not. Closing the iterator ends the jobs that are running. `start` and `failure` do a job on one machine.
    """


def start(work: str, job: Job) -> subprocess.Popen[str]:
    """Begin a job in a fresh process, which ends when this one does."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            # -P: a file in the current folder must not be taken for a library
            [sys.executable, "-P", "-c", "from mimic_core.chain.executor import _work; _work()"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C reaches only the process that waits
            text=True,
        )
    try:
        process.stdin.write(json.dumps({"work": work, "name": job.name, "data": job.data}) + "\n")
        process.stdin.flush()  # kept open: the process ends when this pipe closes, so it never outlives us
    except BrokenPipeError:
        pass  # it has died already; its exit status says so
    return process


def stop(process: subprocess.Popen[str]) -> None:
    """End a process that may still be running."""
    process.kill()
    process.wait()
    process.stdin.close()


def crashed(process: subprocess.Popen[str]) -> bool:
    """Whether an ended process died before it could say how its work went."""
    return process.returncode not in (0, _REFUSED)


def failure(process: subprocess.Popen[str], job: Job) -> str | None:
    """One line on why an ended process failed, with the end of its log; None if it did not."""
    if process.returncode == 0:
        return None
    text = job.log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not crashed(process):
        return f"{lines[-1].removeprefix('mimic: error: ')} (log: {job.log})"
    code = process.returncode
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
    return f"its process died ({how}) after: {' | '.join(lines[-3:])} (log: {job.log})"


def _work() -> None:
    """Do the job described on standard input: what runs in the process that `start` begins."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    print(f"mimic: {order['name']}: process {os.getpid()} on {socket.gethostname()}")
    try:
        module, _, function = order["work"].partition(":")
        getattr(importlib.import_module(module), function)(order["data"])
    except MimicError as e:
        print(f"mimic: error: {' '.join(str(e).split())}")
        sys.exit(_REFUSED)
    except Exception:
        traceback.print_exc(file=sys.stdout)
        sys.exit(_REFUSED)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(1)
