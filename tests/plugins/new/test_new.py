"""``mimic new`` writes packages that install, pass their tests and are found."""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from fake_plugins import OFFLINE, cannot_build, environment, mimic

from mimic_core import ConfigError, DataError
from mimic_new.command import TEMPLATES, USE, kinds, new


def written(folder: Path, kind: str, name: str) -> Path:
    new(kind, name, out=folder / f"mimic_{name}", json=True)
    return folder / f"mimic_{name}"


def test_there_is_a_template_of_every_kind_but_engines(plugins):
    assert set(kinds()) == set(plugins.kinds) - {"simulator"} == set(USE)


@pytest.mark.parametrize("kind", kinds())
def test_a_fresh_package_is_whole(tmp_path, kind):
    package = written(tmp_path, kind, "my_thing")
    files = {p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()}
    module = "mimic_my_thing/__init__.py"
    assert {"pyproject.toml", "README.md", ".gitignore", module, "tests/test_my_thing.py"} <= files
    for file in package.rglob("*"):
        words = "[tT]emplate" if file.suffix == ".py" else r"[tT]emplate|\b(SUMMARY|KIND|SPEC|USE)\b"
        assert not file.is_file() or not re.search(words, file.read_text()), file
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["name"] == "mimic-my-thing" and project["entry-points"]["mimic"] == {"my_thing": "mimic_my_thing"}
    hooks = [f.name for f in ast.walk(ast.parse((package / module).read_text())) if isinstance(f, ast.FunctionDef)]
    assert sum(name.startswith("mimic_") and not name.startswith("mimic_stage_") for name in hooks) >= 1
    assert "`" not in project["description"].replace("``", "") and len(project["description"]) > 10


@pytest.mark.parametrize(
    ("kind", "name", "error", "said"),
    [
        ("rewards", "tremor", ConfigError, "unknown kind 'rewards'; did you mean reward or"),
        ("simulator", "mine", ConfigError, "no template of a simulator; read what it is in the documentation"),
        ("reward", "Tremor", ConfigError, "name 'Tremor': must be small letters"),
        ("reward", "class", ConfigError, "no Python word"),
        ("reward", "joint", ConfigError, "reward 'joint' is there already, from mimic-neuro:rewards"),
        ("stage", "run", ConfigError, "there is a command of that name"),
    ],
)
def test_names_that_cannot_be(tmp_path, kind, name, error, said):
    with pytest.raises(error) as e:
        new(kind, name, out=tmp_path / "package")
    assert said in str(e.value) and not (tmp_path / "package").exists()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "mimic_tremor").mkdir()
    (tmp_path / "mimic_tremor" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="is there already; choose another --out"):
        written(tmp_path, "reward", "tremor")
    assert [p.name for p in (tmp_path / "mimic_tremor").iterdir()] == ["notes.txt"]


def test_inside_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no checkout of mimic"):
        new("reward", "tremor", inside=True)
    for folder in ("mimic_core", "plugins", "bodies"):
        (tmp_path / folder).mkdir()
    new("reward", "tremor", inside=True, json=True)
    new("body", "leg", inside=True, json=True)
    assert (tmp_path / "plugins/mimic_tremor/__init__.py").is_file()
    assert (tmp_path / "tests/plugins/tremor/test_tremor.py").is_file()
    assert (tmp_path / "bodies/mimic_leg/body.toml").is_file()
    out = [json.loads(part) for part in re.findall(r"\{.*?\}", capsys.readouterr().out)]
    assert [o["kind"] for o in out] == ["reward", "body"]


def test_what_is_printed_leads_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    new("reward", "tremor")
    printed = capsys.readouterr().out
    for line in ("reward tremor → mimic_tremor", "pip install -e mimic_tremor", "pytest mimic_tremor"):
        assert line in printed
    assert "mimic plugins check mimic-tremor:tremor" in printed and "rewards.tremor.weight=0.05" in printed


def test_the_commands_that_use_it_are_there():
    """As a README shows them; those of a stage and a command are the package's own."""
    import typer

    from mimic_core.cli.app import app

    root = typer.main.get_command(app)
    context = root.make_context("mimic", ["plugins"], resilient_parsing=True)
    for kind in set(USE) - {"command", "stage"}:
        _, name, *words = shlex.split(USE[kind])
        command = root.get_command(context, name)
        inner = getattr(command, "commands", {}).get(words[0])
        command, words = (inner, words[1:]) if inner is not None else (command, words)
        command.make_context(name, words, parent=context)  # raises where an option is unknown


def test_templates_are_python_that_lints():
    assert not [p for p in TEMPLATES.rglob("*.py") if "\t" in p.read_text()]
    for path in TEMPLATES.rglob("*.py"):
        ast.parse(path.read_text())


@pytest.mark.slow
def test_every_kind_is_green_at_once(tmp_path):
    """All packages in one process, not installed: the tests find the package beside them."""
    packages = [written(tmp_path, kind, f"fresh_{kind}") for kind in kinds()]
    env = environment() | {"PYTHONPATH": os.pathsep.join(map(str, packages))}
    tests = [package / "tests" for package in packages]
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", tmp_path / "pytest.ini", *tests],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_they_install_and_are_found(tmp_path):
    """All in one environment, beside one another."""
    if reason := cannot_build():
        pytest.skip(reason)
    chosen = [kind for kind in kinds() if kind != "display"]  # two displays need a preference
    packages = [written(tmp_path, kind, f"fresh_{kind}") for kind in chosen]
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *OFFLINE, "--target", site, *packages], check=True, timeout=600
    )
    done = mimic("plugins", "list", "--json", site=site, apart=True)
    assert done.returncode == 0 and done.stderr == ""
    listed = json.loads(done.stdout)
    found = {(c["kind"], c["name"]) for c in listed["components"] if c["plugin"].startswith("mimic-fresh-")}
    assert {(kind, f"fresh_{kind}") for kind in chosen} <= found and listed["broken"] == listed["clashes"] == []
    for name in ("fresh_reward", "fresh_body", "stage.fresh_stage"):
        done = mimic("plugins", "check", name, "--json", site=site, apart=True)
        assert done.returncode == 0, done.stderr
