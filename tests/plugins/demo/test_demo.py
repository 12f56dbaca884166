"""The demonstration and the examples are found from any folder, in a checkout and in a wheel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile

import pytest
from fake_plugins import cannot_build
from where import ROOT

from mimic_core import DataError
from mimic_core.config import read_toml
from mimic_demo import commands


def test_examples_are_listed_with_what_they_are(capsys):
    commands.examples(json=True)
    found = json.loads(capsys.readouterr().out)["examples"]
    assert found["demo.toml"] == "The whole chain on synthetic reaches"
    assert found["mouse_reach.toml"].endswith("37 trials at 200 Hz")
    assert found["mimic_effort"] == "Muscle effort as a reward term"
    assert all(found.values()), "an example has no first line that says what it is"
    here = ROOT / "examples"
    assert {n for n in found if n.endswith(".toml")} == {
        p.relative_to(here).as_posix() for p in (*here.glob("*.toml"), *here.glob("bodies/*.toml"))
    }


def test_an_example_is_copied(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    commands.examples("demo.toml", json=True)
    assert read_toml(tmp_path / "demo.toml") == read_toml(ROOT / "examples" / "demo.toml")
    commands.examples("mimic_effort", out=tmp_path / "mine")
    assert (tmp_path / "mine" / "pyproject.toml").is_file() and not list((tmp_path / "mine").rglob("__pycache__"))
    with pytest.raises(DataError, match="is there already"):
        commands.examples("demo.toml")
    with pytest.raises(DataError, match=r"no example 'demo'; did you mean demo\.toml"):
        commands.examples("demo")


def test_the_demonstration_is_the_example(tmp_path, monkeypatch, plugins):
    from mimic_core import CommandSpec

    told = {}
    run = CommandSpec(name="run", function=lambda **given: told.update(given), summary="a test")
    monkeypatch.setattr(commands, "load_plugins", lambda: plugins.having("command", run))
    commands.demo(out=tmp_path)
    assert told["file"] == ROOT / "examples" / "demo.toml" and told["out"] == tmp_path


@pytest.mark.slow
def test_the_wheel_holds_everything(tmp_path):
    if reason := cannot_build():
        pytest.skip(reason)
    source = tmp_path / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "-w", tmp_path, source], check=True, timeout=600)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = set(wheel.namelist())
    rooms = {"plugins": "", "bodies": "", "mimic_core": "mimic_core/", "examples": "mimic_demo/examples/"}
    for room, inside in rooms.items():
        for path in (source / room).rglob("*"):
            name = inside + path.relative_to(source / room).as_posix()
            assert not path.is_file() or path.name == ".gitignore" or name in held, name
    assert any(name.endswith("licenses/LICENSE") for name in held)
    site = tmp_path / "site"
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    code = "from mimic_demo.commands import folder, listed; print(folder()); print(len(listed()))"
    env = {"PYTHONPATH": str(site), "PATH": ""}
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert str(site / "mimic_demo" / "examples") in done.stdout, done.stderr
