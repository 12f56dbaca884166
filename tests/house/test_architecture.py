"""House rules that a reader can rely on: imports point one way, files stay short, nothing of one machine is in them."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from where import ROOT

MAX_LINES = 500


def tracked(*endings: str) -> list[Path]:
    """Files that git tracks."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so what belongs to the project is not known")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [p for p in paths if p.is_file() and (not endings or p.suffix in endings)]


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


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
    for contract in linter["contracts"]:
        if contract["type"] != "layers":
            named = contract.get("forbidden_modules") or contract["modules"]
            assert set(named) == found, contract["name"]


def test_every_built_in_package_has_its_own_entry_point():
    assert set(project()["project"]["entry-points"]["mimic"].values()) == built_in()


def test_core_names_no_plugin():
    """Not even in text, where a package is not also a hook's name: the core must hold for any set of plugins."""
    from mimic_core.plugins.manager import hookspecs

    packages = built_in() - set(dir(hookspecs))
    for path in (ROOT / "mimic_core").rglob("*.py"):
        named = packages & set(re.findall(r"\bmimic_\w+", path.read_text()))
        assert not named, f"{path.relative_to(ROOT)} names {', '.join(named)}"


@pytest.mark.parametrize("package", ["mimic_core", *sorted(built_in())])
def test_no_import_of_a_plugin_not_even_for_types(package):
    room = next(ROOT / r for r in (".", "plugins", "bodies") if (ROOT / r / package).is_dir())
    others = "|".join(built_in() - {package})
    for path in (room / package).rglob("*.py"):
        assert not re.search(rf"^\s*(from|import)\s+({others})\b", path.read_text(), re.MULTILINE), path


def test_files_are_short():
    long = {str(p.relative_to(ROOT)): n for p in tracked(".py") if (n := len(p.read_text().splitlines())) > MAX_LINES}
    assert not long, f"longer than {MAX_LINES} lines: {long}"


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
