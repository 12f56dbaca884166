"""The example packages are installed as a stranger's would be, and work."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_plugins import OFFLINE, cannot_build, environment, mimic
from where import ROOT

from mimic_core.testing import toy_clips

EXAMPLES = ROOT / "examples"
PACKAGES = ("mimic_effort", "mimic_linear_policy", "mimic_pendulum")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder that pip has installed the examples into."""
    target, sources = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("sources")
    if reason := cannot_build():
        pytest.skip(reason)
    for name in PACKAGES:
        # a copy, since building leaves files behind
        leftovers = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
        shutil.copytree(EXAMPLES / name, sources / name, ignore=leftovers)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *OFFLINE, "--target", target, *(sources / name for name in PACKAGES)],
        check=True,
        timeout=120,
    )
    return target


def test_they_are_listed(site):
    done = mimic("plugins", "list", "--json", site=site, apart=True)
    assert done.returncode == 0 and done.stderr == ""
    listed = json.loads(done.stdout)
    found = {(c["kind"], c["name"]): c["plugin"] for c in listed["components"]}
    assert found["reward", "effort"] == "mimic-effort:effort"
    assert found["body", "pendulum"] == "mimic-pendulum:pendulum"
    assert found["policy", "linear"] == "mimic-linear-policy:linear"
    assert listed["plugins"]["mimic-effort:effort"] == "1.0.0"
    assert listed["broken"] == listed["clashes"] == []


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("effort", "finite values and gradients"),
        pytest.param("linear", "saved and loaded", marks=pytest.mark.conformance),
        ("mimic-pendulum:pendulum", "driven"),
    ],
)
def test_they_pass_the_check(site, name, check):
    done = mimic("plugins", "check", name, "--json", site=site, apart=True)
    assert done.returncode == 0, done.stderr
    assert check in json.loads(done.stdout)["checked"][0]["checks"]


def test_the_pendulum_can_be_used_like_any_body(site, tmp_path):
    done = mimic("generate", "--body", "pendulum", "--out", tmp_path / "keypoints.h5", "--json", site=site, apart=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["keypoints"] == ["pivot", "knee", "tip"]


@pytest.mark.slow
def test_the_linear_policy_goes_through_the_chain(site, tmp_path):
    """Trained and rolled out as any policy; and a run whose policy is not installed says so."""
    toy_clips().save(tmp_path / "clips.h5")
    sizes = ("generations=3", "candidates=16", "episodes=4", "horizon=10")
    small = [x for size in sizes for x in ("--set", f"policy.{size}")]
    done = mimic("train", "clips.h5", "--out", "run", "--policy", "linear", *small, site=site, apart=True, cwd=tmp_path)
    assert done.returncode == 0 and "linear (accurate) on" in done.stdout, done.stderr
    done = mimic("rollout", "run", "--out", "rollouts.h5", "--json", site=site, apart=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["clips"] == 4 and (tmp_path / "rollouts.h5").is_file()
    done = mimic("rollout", "run", "--out", "again.h5", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr == (
        "mimic: error: run: policy 'linear', which this run was trained with, is not installed; "
        "give its file with --plugin, or install its package\n"
    )


@pytest.mark.slow
def test_their_own_tests_pass(site, tmp_path):
    tests = [shutil.copytree(EXAMPLES / name / "tests", tmp_path / name) for name in PACKAGES]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=tmp_path,
        env=environment(site),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "skipped" not in done.stdout
