"""A sweep's progress goes on while trainings are rolled out and analysed, and says so."""

from __future__ import annotations

import json
import types

import pytest

from mimic_core import Context, Job, Outcome
from mimic_sweep.job import _Tell
from mimic_sweep.watch import MEASURING, follow


def job(tmp_path, rollout=True, trainings=1):
    data = {
        "trainings": [{"name": f"t{i}"} for i in range(trainings)],
        "progress": str(tmp_path / "job.progress"),
        "rollout": {} if rollout else None,
        "analyze": [{}, {}],
    }
    return Job(name="t0", data=data, log=tmp_path / "job.log")


def told(plugins, tmp_path, steps, rollout=True):
    """What listeners hear of one job that does ``steps`` (functions of its `_Tell`), one before each look."""
    one, heard = job(tmp_path, rollout), []
    tell = _Tell(tmp_path / "job.progress", 3 if rollout else 0)
    tell.EVERY_S = -1.0

    def outcomes():
        for step in steps:
            step(tell)
            yield None
        yield Outcome(one)

    quiet = types.SimpleNamespace(manager=plugins.manager)
    context = Context(plugins=quiet, progress=lambda done, total, metrics: heard.append((done / total, metrics)))
    assert follow(context, outcomes(), [one], 1) == {}
    return heard


def half_trained(tell):
    tell.mimic_progress(stage="train", done=500, total=1000, metrics={"reward": 1.0})


def ended(stage):
    return lambda tell: tell.mimic_stage_finished(stage=stage)


def test_measuring_counts_and_is_said(plugins, tmp_path):
    steps = [half_trained, ended("train"), ended("rollout"), ended("analyze.tracking"), ended("analyze.emg")]
    heard = told(plugins, tmp_path, steps)
    shares = [share for share, _ in heard]
    trained = 1 - MEASURING
    assert shares == pytest.approx([trained / 2, trained, trained + MEASURING / 3, trained + 2 * MEASURING / 3, 1, 1])
    assert [m["measuring"] for _, m in heard] == [0, 1, 1, 1, 1, 0]
    assert heard[-1][1]["finished"] == 1


def test_without_rollouts_training_is_all(plugins, tmp_path):
    heard = told(plugins, tmp_path, [half_trained, ended("train")], rollout=False)
    assert [share for share, _ in heard] == pytest.approx([0.5, 1.0, 1.0])
    assert all(m["measuring"] == 0 for _, m in heard)


def test_the_file_says_what_is_done(tmp_path):
    tell = _Tell(tmp_path / "p", 2)
    half_trained(tell)
    ended("rollout")(tell)
    assert json.loads((tmp_path / "p").read_text()) == {
        "done": 500,
        "total": 1000,
        "metrics": {"reward": 1.0},
        "measured": 0.5,
    }
