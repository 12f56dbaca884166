"""One job in a process of its own, on this machine."""

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

from mimic_core import Job, MimicError

_REFUSED = 3
"""exit status of a process whose work raised an error; it would again, so it is not repeated"""


def start(work: str, job: Job) -> subprocess.Popen[str]:
    """Begin a job in a fresh process, which ends when this one does."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            # -P: a file in the current folder must not be taken for a library
            [sys.executable, "-P", "-c", "from mimic_executors.jobs import _work; _work()"],
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
