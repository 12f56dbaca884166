"""An executor: jobs one after the other, each in a fresh process of this machine."""

import json
import subprocess
import sys
import time

import attrs

from mimic_core import ExecutorSpec, Outcome, hookimpl

REFUSED = 3
"""exit status of work that raised an error; it would again, so it is not begun again"""
LOOK_EVERY_S = 0.2
WORK = """
import importlib, json, sys
from mimic_core import MimicError
work, data = json.loads(sys.stdin.read())
module, _, name = work.partition(":")
try:
    getattr(importlib.import_module(module), name)(data)
except MimicError as e:
    print(*str(e).split(), file=sys.stderr)
    sys.exit(3)
"""


@attrs.frozen
class Template:
    """Settings of the executor.

    Attributes:
        retries: how often a job is begun again whose process died.
    """

    retries: int = attrs.field(default=1, validator=attrs.validators.ge(0))


def build(config):
    def run(work, jobs):
        for job in jobs:
            for _ in range(1 + config.retries):
                process = start(work, job)
                try:
                    while process.poll() is None:
                        yield None
                        time.sleep(LOOK_EVERY_S)
                finally:
                    process.kill()
                if process.returncode in (0, REFUSED):
                    break
            yield Outcome(job, None if process.returncode == 0 else last_line(job, process.returncode))

    return run


def start(work, job):
    """Begin a job in a fresh process that writes what it says into the job's log."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with job.log.open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", WORK], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True
        )
    process.stdin.write(json.dumps([work, dict(job.data)]))
    process.stdin.close()
    return process


def last_line(job, status):
    said = job.log.read_text(encoding="utf-8").strip().splitlines()
    return said[-1] if said else f"its process ended with status {status}"


@hookimpl
def mimic_executors():
    yield ExecutorSpec(name="template", config=Template, build=build, summary="one job after the other, here")
