"""Stopped and failing runs: what was finished is never lost, and nothing outside of the run's folder is touched."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from typing import ClassVar

import pytest
from run_cases import RUN, TOY

from mimic_core.chain import discover
from mimic_core.errors import ConfigError, DataError
from mimic_run import pipeline, stage_output
from mimic_runs import locked


class Stages:
    """Does every stage at once: it writes its name and settings, and is stopped where a test says so."""

    def __init__(self):
        self.stop, self.did, self.error = {}, [], KeyboardInterrupt

    def __call__(self, plugins, spec, given, find, out, *, where, label=""):
        self.did.append(where)
        if self.stop.get(where) == "before":
            raise self.error
        if out.suffix:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(f"{where} {given.options}")
        else:
            (out / "part").mkdir(parents=True, exist_ok=True)
            (out / "part" / "first").write_text(f"{where} {given.options}")
            if self.stop.get(where) == "midway":
                raise self.error
            (out / "last").write_text("finished")
        return {"seconds": 0.0}


OTHER = {"train": {"policy": {"steps": 80}}}


class Killed(BaseException):
    """Stands for kill -9: nothing of the pipeline's own clearing up is done."""


@pytest.fixture(scope="module")
def toy_plugins(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "toy_plugin.py"
    file.write_text(TOY)
    plugins = discover()
    plugins.load_file(file)
    return plugins


@pytest.fixture
def run(toy_plugins, tmp_path, monkeypatch):
    """A function that does a run once more; ``run.stages`` says where it is stopped, ``run.out`` is its folder."""
    file, out, stages = tmp_path / "toy.toml", tmp_path / "out", Stages()
    file.write_text(RUN)
    monkeypatch.setattr(pipeline, "done", stages)

    def again(overrides=None):
        stages.did.clear()
        return pipeline.run(toy_plugins, file, out, overrides)

    again.stages, again.out, again.file = stages, out, file
    again()
    return again


def kill(run, monkeypatch, overrides, stage="train", when="midway"):
    """Stop a run so that neither output nor manifest is set right."""
    with monkeypatch.context() as m:
        m.setattr(pipeline, "aside", _killed_aside)
        run.stages.stop, run.stages.error = {stage: when}, Killed
        with pytest.raises(Killed):
            run(overrides)
        run.stages.stop = {}


class _killed_aside:
    never_ended: ClassVar[list] = []  # python would end what it forgets, and so clear up after all

    def __init__(self, path, going_on, keep_new):
        self.inner = stage_output.aside(path, going_on, keep_new)
        self.never_ended.append(self.inner)

    def __enter__(self):
        return self.inner.__enter__()

    def __exit__(self, kind, error, at):
        if kind is None:
            self.inner.__exit__(None, None, None)


@pytest.mark.parametrize("when", ["before", "midway"])
def test_ctrl_c_keeps_a_finished_training(run, when):
    trained = (run.out / "train/part/first").read_text()
    run.stages.stop = {"train": when}
    with pytest.raises(KeyboardInterrupt):
        run(OTHER)
    run.stages.stop = {}
    old = run.out / (".train.before" if when == "midway" else "train")
    assert (old / "last").read_text() == "finished" and (old / "part/first").read_text() == trained
    assert run()["done"] == []  # the first settings again: all of it is there
    assert (run.out / "train/part/first").read_text() == trained and not (run.out / ".train.before").exists()


def test_a_stopped_training_goes_on_and_then_replaces_the_old(run):
    run.stages.stop = {"train": "midway"}
    with pytest.raises(KeyboardInterrupt):
        run(OTHER)
    run.stages.stop = {}
    (run.out / "train/part/begun").write_text("so far")
    assert run(OTHER)["done"][0] == "train"
    assert (run.out / "train/part/begun").read_text() == "so far" and not (run.out / ".train.before").exists()
    assert run(OTHER)["done"] == []


@pytest.mark.parametrize("overrides", [None, OTHER, {"train": {"policy": {"steps": 320}}}])
@pytest.mark.parametrize("when", ["before", "midway"])
def test_a_killed_run_keeps_a_finished_training(run, monkeypatch, overrides, when):
    """Whatever is asked for next: the old output is there until a new one is done."""
    trained = (run.out / "train/part/first").read_text()
    kill(run, monkeypatch, OTHER, when=when)
    assert (run.out / ".train.before/last").is_file()
    if overrides:
        kill(run, monkeypatch, overrides, when=when)
        assert (run.out / ".train.before/part/first").read_text() == trained
        assert "train" in run(overrides)["done"]
        assert not (run.out / ".train.before").exists() and (run.out / "train/last").is_file()
    else:
        assert run()["done"] == []
        assert (run.out / "train/part/first").read_text() == trained


def test_a_killed_run_keeps_a_finished_file(run, monkeypatch):
    clips = (run.out / "clips.h5").read_text()
    kill(run, monkeypatch, {"register": {"cutoff_hz": 55.0}}, "register", "before")
    assert not (run.out / "clips.h5").exists()
    assert run()["done"] == [] and (run.out / "clips.h5").read_text() == clips


def test_a_run_killed_before_it_forgot_the_old_output(run, monkeypatch):
    """The new output is finished and noted; the old one goes with the next run, and not with anything newer."""
    monkeypatch.setattr(pipeline, "forget", lambda path, files: None)
    run(OTHER)
    assert (run.out / ".train.before").is_dir()
    monkeypatch.undo()
    monkeypatch.setattr(pipeline, "done", run.stages)
    trained = (run.out / "train/part/first").read_text()
    run.stages.stop = {"train": "midway"}
    with pytest.raises(KeyboardInterrupt):
        run()
    assert (run.out / ".train.before/part/first").read_text() == trained


def test_a_users_files_stay_in_stage_folders(run):
    notes = run.out / "train/part/notes.txt"
    notes.write_text("mine")
    assert "train" not in run()["done"]
    taken = run.out / "train/last.before"
    run(OTHER)
    assert notes.read_text() == "mine" and not taken.exists()
    assert not (run.out / ".train.before").exists()


@pytest.mark.parametrize("label", ["../../../victim", "/victim", "..", ".", "a/b", "a b", "a\\n"])
def test_a_label_is_a_name(toy_plugins, tmp_path, label):
    file = tmp_path / "toy.toml"
    file.write_text(RUN + f'\n[analyze."{label}"]\nanalysis = "tracking"\n')
    with pytest.raises(ConfigError, match="cannot be a folder's name"):
        pipeline.run(toy_plugins, file, tmp_path / "out")
    assert not (tmp_path / "victim").exists() and not (tmp_path / "out").exists()


def test_a_link_as_stage_folder_is_refused(run, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").write_text("mine")
    shutil.rmtree(run.out / "train")
    (run.out / "train").symlink_to(victim)
    with pytest.raises(DataError, match=r"train: its output .* is a symbolic link"):
        run(OTHER)
    assert (victim / "precious").read_text() == "mine"


def test_two_runs_do_not_write_into_one_folder(run):
    holder = "from mimic_runs import locked\nimport sys\nwith locked(sys.argv[1]): print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(run.out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline().strip() == "held"
        said = json.loads((run.out / ".lock.json").read_text())
        assert said == {"process": other.pid, "host": socket.gethostname()}
        with pytest.raises(DataError, match=f"process {other.pid} on {socket.gethostname()} writes into it"):
            run(OTHER)
        other.kill()  # a lock of a process that was killed is taken over
        other.wait()
        with locked(run.out):
            assert json.loads((run.out / ".lock.json").read_text())["process"] != other.pid
    assert not (run.out / ".lock.json").exists()
    assert run()["done"] == []
