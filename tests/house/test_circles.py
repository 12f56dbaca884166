"""No package of the repository imports itself in a circle: late imports and those for annotations count too."""

from __future__ import annotations

import tomllib

import grimp
import pytest
from where import ROOT

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
PLUGINS = [p for p in PACKAGES if p != "mimic_core"]


@pytest.fixture(scope="module")
def graph():
    return grimp.build_graph(*PLUGINS, cache_dir=None)


def circle(graph: grimp.ImportGraph, package: str) -> list[str]:
    """Modules of a package that import one another in a circle; empty where there is none.

    What imports nothing that is left is taken away until nothing can be: a circle remains, and what imports it.
    """
    left = {m for m in graph.modules if m == package or m.startswith(f"{package}.")}
    while done := {m for m in left if not left & graph.find_modules_directly_imported_by(m)}:
        left -= done
    return sorted(left)


@pytest.mark.parametrize("package", PLUGINS)
def test_no_circle_inside_a_plugin(graph, package):
    assert not circle(graph, package), "move what both need into a file of its own, such as settings.py or findings.py"


def test_a_circle_is_found_whoever_closes_it():
    made = grimp.ImportGraph()
    for importer, imported in (("a", "a.x"), ("a.x", "a.y"), ("a.z", "a.x")):
        made.add_import(importer=importer, imported=imported)
    assert circle(made, "a") == []
    made.add_import(importer="a.y", imported="a")
    assert circle(made, "a") == ["a", "a.x", "a.y", "a.z"]
