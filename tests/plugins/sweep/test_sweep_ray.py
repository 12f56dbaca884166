"""A sweep on a Ray cluster of two nodes, one of them killed on the way: every run finishes, and as it does alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_plugins import environment
from sweep_cases import SWEEP

from mimic_core import ConfigError, Job

ray = pytest.importorskip("ray", reason="Ray is not installed; it comes with the extra 'ray'")

RUNS = 4

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc to look processes up in")


@pytest.fixture
def cluster(monkeypatch, tmp_path_factory):
    """Two nodes with a core each."""
    from ray.cluster_utils import Cluster

    for key, v in environment().items():
        monkeypatch.setenv(key, v)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster()
    try:
        cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20, include_dashboard=False)
        cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)
        yield cluster
    finally:
        cluster.shutdown()


def processes(out: Path) -> dict[str, list[int]]:
    """The processes that have begun each job, as its log says."""
    logs = {str(f.relative_to(out / "logs").with_suffix("")): f for f in (out / "logs").rglob("*.log")}
    return {name: [int(pid) for pid in re.findall(r": process (\d+) on ", f.read_text())] for name, f in logs.items()}


def descends(pid: int, ancestor: int) -> bool:
    """Whether a process was begun by another one, or by one that it began."""
    while pid > 1 and pid != ancestor:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            return False
    return pid == ancestor


def wait_for_job(out: Path, raylet: int, sweeping: subprocess.Popen) -> str:
    """Wait until a node works on a job, and return its name."""
    for _ in range(1500):
        for name, begun in processes(out).items():
            if any(descends(pid, raylet) for pid in begun):
                return name
        assert sweeping.poll() is None, sweeping.stderr.read()
        time.sleep(0.2)
    raise AssertionError("no job was sent to the second node")


def results(out: Path) -> dict[str, dict]:
    """What was measured in each run, without what depends on the clock and the folder."""
    found = {}
    for file in out.rglob("summary.json"):
        metrics = json.loads(file.read_text())["metrics"]
        found[str(file.parent.relative_to(out))] = {
            "tracking_mm": metrics["train"]["tracking_mm"],
            "rollout": metrics["rollout"]["tracking"],
            "terms": metrics["rollout"]["terms"],
        }
    return found


def command(file: Path, out: Path, *settings: str) -> list[str]:
    given = (f"sweep.seeds={RUNS // 2}", "sweep.max_together=1", "rollout.simulator=auto", *settings)
    start = [sys.executable, "-m", "mimic_core.cli", "sweep", str(file), "--out", str(out), "--json"]
    return start + [x for setting in given for x in ("--set", setting)]


@pytest.mark.slow
def test_nothing_is_lost_when_a_node_is_killed(cluster, toy_clips, tmp_path):
    toy_clips.save(tmp_path / "clips.h5")
    file, out = tmp_path / "toy.toml", tmp_path / "ray"
    file.write_text(SWEEP)
    there = command(file, out, "executor.name=ray", f"executor.address={cluster.address}")
    sweeping = subprocess.Popen(there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        (node,) = cluster.worker_nodes
        raylet = node.all_processes["raylet"][0].process
        lost = wait_for_job(out, raylet.pid, sweeping)
        raylet.kill()
        raylet.wait()  # else its workers take it for alive
        said, log = sweeping.communicate(timeout=900)
    finally:
        sweeping.kill()
    assert sweeping.returncode == 0, log
    summary = json.loads(said)
    assert (len(summary["done"]), summary["failed"]) == (RUNS, {})
    attempts = {name: len(begun) for name, begun in processes(out).items()}
    assert attempts == {**dict.fromkeys(results(out), 1), lost: 2}

    alone = command(file, tmp_path / "local", "executor.workers=2")
    done = subprocess.run(alone, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert len(results(out)) == RUNS
    assert results(out) == results(tmp_path / "local")


@pytest.mark.slow
def test_jobs_on_a_cluster_end_as_they_do_here(cluster, plugins, tmp_path):
    """A process that dies is begun again, an error is told, and the others go on."""
    spec = plugins.get("executor", "ray")
    jobs = [Job(name=str(v), data=v, log=tmp_path / f"{v}.log") for v in (0, 7, "text")]
    run = spec.build(spec.config(address=cluster.address, retries=2))
    found = {o.job.name: o.error for o in run("os:_exit", jobs) if o is not None}
    assert found["0"] is None
    assert found["7"].startswith("its process died (exit status 7) after: mimic: 7: process ")
    assert found["text"].startswith("TypeError: ")
    begun = {name: (tmp_path / f"{name}.log").read_text().count(": process ") for name in found}
    assert begun == {"0": 1, "7": 3, "text": 1}


@pytest.mark.parametrize("address", ["127.0.0.1:9", "nonsense"])
def test_no_cluster_is_said_in_one_line(plugins, address):
    spec = plugins.get("executor", "ray")
    with pytest.raises(ConfigError, match=f"^executor.address: no Ray cluster at '{address}' .*; begin one with "):
        list(spec.build(spec.config(address=address))("os:getpid", []))
