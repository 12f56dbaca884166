"""The command line starts quickly, explains itself, and speaks JSON."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fake_plugins import environment, mimic

HEAVY = {"jax", "mujoco", "matplotlib", "pandas", "scipy", "flax", "optax", "pyEDM"}
COMMANDS = [
    ("register",),
    ("train",),
    ("rollout",),
    ("analyze",),
    ("report",),
    ("run",),
    ("sweep",),
    ("view",),
    ("render",),
    ("generate",),
    ("body",),
    ("export",),
    ("import",),
    ("info",),
    ("plugins", "list"),
    ("plugins", "show"),
    ("plugins", "check"),
]


def loaded_after(code: str) -> set[str]:
    """Which heavy packages a fresh process has imported after running ``code``."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return HEAVY & set(done.stdout.split())


def test_importing_the_command_line_imports_nothing_heavy():
    assert loaded_after("import mimic_core.cli") == set()


def test_loading_every_plugin_imports_nothing_heavy():
    assert loaded_after("from mimic_core.chain import installed; assert installed().names") == set()


def test_importing_the_core_imports_nothing_heavy():
    assert loaded_after("import mimic_core, mimic_core.testing.toy, mimic_run.pipeline") == set()


def test_help_imports_nothing_heavy():
    """So that it answers in about a second."""
    asked = "import contextlib, sys, mimic_core.cli\nsys.argv = ['mimic', '--help']\n"
    assert loaded_after(asked + "with contextlib.suppress(SystemExit):\n    mimic_core.cli.main()") == set()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_shows_an_example(command, monkeypatch, capsys):
    from mimic_core import cli

    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["mimic", *command, "--help"])
    with pytest.raises(SystemExit) as e:
        cli.main()
    shown = capsys.readouterr().out
    assert e.value.code == 0
    assert f"Example: mimic {' '.join(command)}" in shown
    assert "--json" in shown


def test_help_lists_every_command():
    shown = mimic("--help").stdout
    assert all(command[0] in shown for command in COMMANDS)


@pytest.mark.parametrize("command", [("plugins", "list"), ("plugins", "show", "reward.joint"), ("info",)], ids=" ".join)
def test_json_is_one_object_and_nothing_else(command):
    done = mimic(*command, "--json", apart=True)
    assert done.returncode == 0, done.stderr
    assert isinstance(json.loads(done.stdout), dict)
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("plugins", "show", "jiont"), "no component or plugin 'jiont'; did you mean joint"),
        (("plugins", "check", "nobody:x"), "no component or plugin 'nobody:x'"),
        (("analyze", "simplx", "rollouts.h5", "--out", "out"), "unknown analysis 'simplx'; did you mean simplex"),
        (("run", "absent.toml", "--out", "out"), "absent.toml: no such run file; check the path"),
    ],
)
def test_an_error_is_one_line_and_status_1(tmp_path, command, said):
    done = mimic(*command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("mimic: error: ") and said in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_debug_adds_the_traceback(tmp_path):
    done = mimic("--debug", "run", "absent.toml", "--out", "out", cwd=tmp_path, apart=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "absent.toml: no such run file" in done.stderr
