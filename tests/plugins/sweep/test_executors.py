"""Executors: jobs in processes of their own, what dies is begun again, what fails is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest

from mimic_core import Job
from mimic_core.testing import check_component

WORKS = """
import os, signal, time
from pathlib import Path
from textwrap import dedent
from mimic_core import TrainingError

def fine(data):
    Path(data["file"]).write_text(data["text"])

def dies_once(data):
    file = Path(data["file"])
    if not file.exists():
        file.touch()
        print("about to die")
        os.kill(os.getpid(), signal.SIGKILL)
    file.write_text("second attempt")

def dies(data):
    os._exit(7)

def diverges(data):
    raise TrainingError("reward is not finite")

def stumbles(data):
    return {}["elbow"]

def lasts(data):
    Path(data["file"]).write_text(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture
def works(tmp_path, monkeypatch):
    """A module that processes can import, and what makes jobs."""
    (tmp_path / "sweep_test_works.py").write_text(WORKS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def job(name: str, **data) -> Job:
        return Job(
            name=name, data={"file": str(tmp_path / f"{name}.txt"), **data}, log=tmp_path / "logs" / f"{name}.log"
        )

    return job


def local(plugins, **settings):
    spec = plugins.get("executor", "local")
    return spec.build(spec.config(**settings))


def outcomes(plugins, function: str, jobs: list[Job], **settings) -> dict[str, str | None]:
    ended = local(plugins, **settings)(f"sweep_test_works:{function}", jobs)
    return {o.job.name: o.error for o in ended if o is not None}


@pytest.mark.parametrize("name", ["local", "ray"])
def test_executors_conform(plugins, name):
    settings, summary, runs = check_component(plugins.provider("executor", name), plugins)
    assert (settings, summary) == ("settings", "summary") and runs.startswith("runs jobs")


def test_jobs_run_in_processes(plugins, works, tmp_path):
    jobs = [works(f"job-{i}", text=str(i)) for i in range(3)]
    assert outcomes(plugins, "fine", jobs, workers=2) == {job.name: None for job in jobs}
    assert [(tmp_path / f"job-{i}.txt").read_text() for i in range(3)] == ["0", "1", "2"]


def test_a_job_whose_process_dies_is_begun_again(plugins, works, tmp_path):
    assert outcomes(plugins, "dies_once", [works("job")]) == {"job": None}
    assert (tmp_path / "job.txt").read_text() == "second attempt"
    assert (tmp_path / "logs" / "job.log").read_text().count("mimic: job: process ") == 2


def test_a_job_that_dies_each_time_is_told_of(plugins, works, tmp_path):
    (tmp_path / "second.txt").touch()  # dies_once goes well where its file is there
    jobs = [works("first"), works("second")]
    found = outcomes(plugins, "dies_once", jobs, retries=0)
    assert found["second"] is None
    assert found["first"].startswith("its process died (signal SIGKILL) after: mimic: first: process ")
    assert found["first"].endswith(f"| about to die (log: {jobs[0].log})")
    assert outcomes(plugins, "dies", jobs[:1])["first"].startswith("its process died (exit status 7) after: ")
    assert jobs[0].log.read_text().count("mimic: first: process ") == 3


@pytest.mark.parametrize(
    ("function", "said"), [("diverges", "reward is not finite"), ("stumbles", "KeyError: 'elbow'")]
)
def test_an_error_is_told_and_not_tried_again(plugins, works, function, said):
    job = works("job")
    assert outcomes(plugins, function, [job]) == {"job": f"{said} (log: {job.log})"}
    assert job.log.read_text().count("mimic: job: process ") == 1


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds."""
    for _ in range(100):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def written(file: Path) -> int:
    for _ in range(300):
        if file.exists() and file.read_text():
            return int(file.read_text())
        time.sleep(0.1)
    raise AssertionError(f"{file} was not written")


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look processes up in")


@needs_proc
def test_closing_an_executor_ends_its_processes(plugins, works, tmp_path):
    going = local(plugins)("sweep_test_works:lasts", [works("job")])
    while not (tmp_path / "job.txt").exists():
        assert next(going) is None
    pid = written(tmp_path / "job.txt")
    going.close()
    assert gone(pid)


@needs_proc
def test_a_process_ends_with_the_one_that_waits_for_it(works, tmp_path):
    job = works("job")
    code = f"""
        from mimic_core import Job
        from mimic_executors.jobs import start
        start("sweep_test_works:lasts", Job(name="job", data={dict(job.data)!r}, log={str(job.log)!r})).wait()
    """
    waiting = subprocess.Popen([sys.executable, "-c", dedent(code)], env=dict(os.environ))
    pid = written(tmp_path / "job.txt")
    waiting.kill()
    waiting.wait()
    assert gone(pid)
