"""What docs/architecture.md names is there."""

from __future__ import annotations

import ast
import re
import tomllib

import pytest
from where import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w.]+)`\s+\(`([\w/]+\.py)`\)", PAGE)))
"""(name, file) of every ``name`` (``file``)"""


def defined(tree: ast.AST) -> set[str]:
    """Names that a module or a class defines, those of a class with the class before them."""
    out = set()
    for node in getattr(tree, "body", []):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            out.add(node.name)
            out |= {f"{node.name}.{inner}" for inner in defined(node)} if isinstance(node, ast.ClassDef) else set()
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            out |= {t.id for t in targets if isinstance(t, ast.Name)}
    return out


def test_the_walks_name_what_is_there():
    assert len(NAMED) > 20


@pytest.mark.parametrize(("name", "file"), NAMED)
def test_what_is_named_is_there(name, file):
    path = ROOT / file
    assert path.is_file(), f"docs/architecture.md names {file}, which is not there"
    assert name in defined(ast.parse(path.read_text(encoding="utf-8"))), f"{file} defines no {name}"


def test_files_that_are_named_are_there():
    for file in re.findall(r"`([\w/]+/[\w]+\.py)`", PAGE):
        assert (ROOT / file).is_file(), file


def test_the_table_has_the_rooms_in_the_order_of_the_layers():
    linter = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c["layers"] for c in linter["contracts"] if c["type"] == "layers" and "containers" in c)
    first = [row.split("|")[1] for row in PAGE.splitlines() if row.startswith("| `")]
    rooms = [room for cell in first for room in re.findall(r"`(\w+)`", cell)]
    assert rooms == [room.strip() for layer in layers for room in layer.split("|")]
