"""House rules that a reader can rely on: imports point one way, files stay short, nothing of one machine is in them."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from where import ROOT

MAX_LINES = {"mimic_core": 350, "plugins": 350, "bodies": 350}
MAX_LINES_ELSEWHERE = 500
ENGINE = ("chain", "cli", "trainer", "testing")
"""Rooms of the core that whoever writes a plugin need not read."""
FOUNDATIONS = {"mimic_guard"}
"""What lies below the core and knows nothing of it: it reads files of strangers as h5py would, but carefully."""
LIBRARIES = {
    *FOUNDATIONS,
    "mimic_drawing",
    "mimic_static_optimisation",
    "mimic_kinematics",
    "mimic_modelling",
    "mimic_recordings",
    "mimic_runs",
    "mimic_nwb",
    "mimic_sensitivity",
    "mimic_statistics",
    "mimic_strength",
    "mimic_variation",
    "mimic_tables",
}
"""What several plugins share: no plugins themselves."""


def tracked(*endings: str) -> list[Path]:
    """Files that git tracks."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what belongs to the project is not known")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [p for p in paths if p.is_file() and (not endings or p.suffix in endings)]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def core_files(*, without: tuple[str, ...] = ()) -> list[Path]:
    """Python files of the core, without some of its rooms."""
    files = (ROOT / "mimic_core").rglob("*.py")
    return [p for p in files if p.relative_to(ROOT / "mimic_core").parts[0] not in without]


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


# -- imports ------------------------------------------------------------------------------------------------------


def test_imports_point_one_way(monkeypatch):
    from importlinter.cli import lint_imports

    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == 0


def built_in() -> set[str]:
    """Packages in plugins/ and bodies/."""
    folders = (p for room in ("plugins", "bodies") for p in (ROOT / room).iterdir())
    return {p.name for p in folders if (p / "__init__.py").is_file()}


def test_every_built_in_package_is_held_to_the_rules():
    found = built_in()
    linter = project()["tool"]["importlinter"]
    assert set(linter["root_packages"]) == {"mimic_core", *found}
    assert not linter.get("exclude_type_checking_imports")
    for contract in linter["contracts"]:
        if contract["type"] in ("forbidden", "independence"):
            named = contract.get("forbidden_modules") or contract["modules"]
            shared = LIBRARIES if contract["type"] == "independence" else FOUNDATIONS
            assert set(named) == found - shared, contract["name"]


def test_every_built_in_package_has_its_own_entry_point():
    assert set(project()["project"]["entry-points"]["mimic"].values()) == built_in() - LIBRARIES


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports, those for annotations included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("package", sorted(built_in()))
def test_a_plugin_imports_faces_alone(package):
    """`mimic_core`, or one of its rooms; no other plugin, and nothing further inside."""
    room = next(ROOT / r for r in ("plugins", "bodies") if (ROOT / r / package).is_dir())
    for path in (room / package).rglob("*.py"):
        for module in imports(path):
            parts = module.split(".")
            assert parts[0] != "mimic_core" or len(parts) <= 2, f"{path} imports {module}: take it from its room's face"
            assert parts[0] not in built_in() - LIBRARIES - {package}, f"{path} imports the plugin {module}"


@pytest.mark.parametrize("example", ["mimic_static_optimisation", "mimic_pendulum", "mimic_linear_policy"])
def test_an_example_imports_faces_alone(example):
    for path in (ROOT / "examples" / example).rglob("*.py"):
        for module in imports(path):
            assert not module.startswith("mimic_core.") or module.count(".") == 1, f"{path} imports {module}"


@pytest.mark.parametrize("room", ["plugins", "bodies", "examples", "benchmarks"])
def test_names_taken_from_the_core_are_there(room):
    """Also those that are imported late, inside functions."""
    import importlib

    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "mimic_core":
                module = importlib.import_module(node.module)
                missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
                assert not missing, f"{path}:{node.lineno}: {node.module} has no {', '.join(missing)}"


def test_faces_hold_what_they_promise():
    """Every name in a room's face can be imported."""
    import importlib

    for stub in (ROOT / "mimic_core").rglob("__init__.pyi"):
        module = importlib.import_module(".".join(stub.parent.relative_to(ROOT).parts))
        for name in re.findall(r"import (?:\()?|(\w+) as \1", stub.read_text()):
            if name:
                assert getattr(module, name, None) is not None, f"{module.__name__}.{name}"


# -- the core names nobody ----------------------------------------------------------------------------------------


def test_core_names_no_plugin():
    """Not even in text, where a package is not also a hook's name: the core must hold for any set of plugins."""
    from mimic_core.chain import HOOKS

    packages = built_in() - FOUNDATIONS - {name for module in HOOKS for name in dir(module)}
    for path in core_files():
        named = packages & set(re.findall(r"\bmimic_\w+", path.read_text()))
        assert not named, f"{path.relative_to(ROOT)} names {', '.join(named)}"


WORDS = {"actuation", "body", "clips", "control", "emg", "energy", "format", "joint", "keypoint", "local", "position"}
"""Names of components that are also words of the core's own."""
WORDS |= {
    "mjcf",
    "recovery",
    "registration",
    "sweep",
    "angular_velocity",
    "joint_velocity",
    "activation",
    "muscle",
    "torque",
}
WORDS |= {"perturb", "rollout", "train", "register", "generate", "report", "analyze", "import", "export", "run", "view"}
WORDS |= {
    "proprioception",
    "mimic",
    "keypoints",
    "rollouts",
    "perturbed",
    "training",
    "calibration",
    "stages",
    "plugins",
    "info",
}


def test_core_names_no_component(plugins):
    """No perturbation, analysis, body, policy, reader … of a plugin is known by name, in code, help or messages."""
    names = {p.name for p in plugins.provided()} - WORDS
    for path in core_files(without=("testing",)):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            text = node.value
            exact = {text} & names
            telling = {n for n in names if "_" in n and re.search(rf"(?<![\w.]){n}(?![\w(])", text)}
            assert not exact | telling, f"{path.relative_to(ROOT)}:{node.lineno} names {', '.join(exact | telling)}"


# -- sizes --------------------------------------------------------------------------------------------------------


def test_files_are_short():
    long = {}
    for p in tracked(".py"):
        name = p.relative_to(ROOT)
        if (n := length(p)) > MAX_LINES.get(name.parts[0], MAX_LINES_ELSEWHERE):
            long[str(name)] = n
    assert not long, f"too long: {long}"


def test_the_core_is_small():
    interfaces = sum(map(length, core_files(without=ENGINE)))
    whole = sum(map(length, core_files(without=("testing",))))
    assert interfaces < 5000, f"interfaces of the core have {interfaces} lines"
    assert whole < 9000, f"the core has {whole} lines"


# -- nothing of one machine ---------------------------------------------------------------------------------------

ELSEWHERE = {
    "a path of one machine": r"(?<![\w.~}>)])/(?:work|tmp|root|scratch|mnt|home/\w+|Users/\w+|opt/\w+)(?=/|\b)",
    "an index of packages": r"(?:extra-)?index-url|find-links|PIP_INDEX|UV_INDEX|artifactory|jfrog|/simple\b",
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_nothing_of_one_machine(what):
    found = []
    for path in tracked():
        if path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {m[0]}" for m in re.finditer(ELSEWHERE[what], text)]
    assert not found


def test_no_model_or_recording_is_kept_in_the_repository():
    kept = [p.relative_to(ROOT) for p in tracked(".h5", ".npz", ".npy", ".pkl", ".pt", ".ckpt", ".stl", ".obj", ".msh")]
    assert kept == []


def test_no_example_points_outside_the_repository():
    for path in [*(ROOT / "examples").rglob("*.toml"), *(ROOT / "docs").glob("*.md"), ROOT / "README.md"]:
        assert "../../" not in path.read_text(encoding="utf-8"), path
