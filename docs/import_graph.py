"""The picture of who imports whom: the rooms of the core, and the plugins and bodies that use them.

    python docs/import_graph.py           draws docs/architecture.svg
    python docs/import_graph.py --check   says in what the picture is out of date; exit status 1 if it is

Every import counts, also one inside a function or for annotations alone. A name that is taken from the core's face,
``from mimic_core import Result``, counts for the room that defines it.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import attrs

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
CORE = "mimic_core"
OUTSIDE = ("bodies", "plugins")
"""Folders of packages that use the core."""
DRIFT = 0.1
"""A count may differ by this share before the picture is out of date: not every commit needs a new one."""


@attrs.frozen
class Box:
    """A room of the core, or a folder of packages outside.

    Attributes:
        row: from the top; rooms of one layer share one.
        files: Python files.
        lines: in these.
    """

    row: int
    files: int
    lines: int


@attrs.frozen
class Graph:
    """Who imports whom.

    Attributes:
        boxes: by name; a folder outside ends in a slash.
        edges: (importer, imported) → number of files in the importer that do.
    """

    boxes: dict[str, Box]
    edges: dict[tuple[str, str], int]

    def to_text(self) -> str:
        """JSON that `from_text` reads."""
        edges = [[*pair, n] for pair, n in sorted(self.edges.items())]
        return json.dumps({"boxes": {k: attrs.asdict(b) for k, b in self.boxes.items()}, "edges": edges})

    @classmethod
    def from_text(cls, text: str) -> Graph:
        """Read what `to_text` wrote."""
        data = json.loads(text)
        boxes = {name: Box(**box) for name, box in data["boxes"].items()}
        return cls(boxes, {(a, b): n for a, b, n in data["edges"]})


def read_graph(root: Path) -> Graph:
    """Read the graph of a checkout; the layers are those that import-linter holds the core to."""
    layers = _layers(root)
    face = _face(root / CORE)
    boxes, importers = {}, {}
    for row, names in enumerate([*((f"{folder}/",) for folder in OUTSIDE), *layers]):
        for name in names:
            files = _files(root, name)
            text = [f.read_text(encoding="utf-8") for f in files]
            boxes[name] = Box(row, len(files), sum(len(t.splitlines()) for t in text))
            importers[name] = [set(_rooms(ast.parse(t), face)) for t in text]
    edges = {
        (importer, room): n
        for importer, seen in importers.items()
        for room in boxes
        if room != importer and (n := sum(room in rooms for rooms in seen))
    }
    return Graph(boxes, edges)


def _layers(root: Path) -> list[list[str]]:
    linter = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(c["layers"] for c in linter["contracts"] if c["type"] == "layers" and c.get("containers") == [CORE])
    there = ([name.strip() for name in re.split(r"[|:]", layer)] for layer in layers)
    return [found for names in there if (found := [n for n in names if _files(root, n)])]


def _files(root: Path, name: str) -> list[Path]:
    if name.endswith("/"):
        return sorted((root / name).rglob("*.py"))
    module = root / CORE / f"{name}.py"
    return [module] if module.is_file() else sorted((root / CORE / name).rglob("*.py"))


def _face(package: Path) -> dict[str, str]:
    """Name in the core's face → the room that defines it."""
    stub, init = package / "__init__.pyi", package / "__init__.py"
    tree = ast.parse((stub if stub.is_file() else init).read_text(encoding="utf-8"))
    face = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            room = _room(f"{CORE}.{node.module}" if node.level else node.module or "")
            face |= {alias.asname or alias.name: room for alias in node.names if room}
    return face


def _room(module: str) -> str:
    package, _, rest = module.partition(".")
    return rest.partition(".")[0] if package == CORE else ""


def _rooms(tree: ast.AST, face: Mapping[str, str]) -> Iterator[str]:
    """Rooms that a file imports from; one may come several times."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from filter(None, (_room(alias.name) for alias in node.names))
        elif isinstance(node, ast.ImportFrom) and node.module == CORE:
            yield from (face.get(alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and _room(node.module or ""):
            yield _room(node.module)


def differences(drawn: Graph, now: Graph) -> Iterator[str]:
    """Say in what a picture differs from the code: boxes, rows and edges exactly, counts by more than `DRIFT`."""
    for name in sorted(drawn.boxes.keys() ^ now.boxes.keys()):
        yield f"{name}: {'is drawn, and is not there' if name in drawn.boxes else 'is not drawn'}"
    for name in sorted(drawn.boxes.keys() & now.boxes.keys()):
        old, new = drawn.boxes[name], now.boxes[name]
        if old.row != new.row:
            yield f"{name}: is drawn in row {old.row}, lies in {new.row}"
        for what in ("files", "lines"):
            a, b = getattr(old, what), getattr(new, what)
            if abs(a - b) > max(DRIFT * b, 1 if what == "files" else 20):
                yield f"{name}: is drawn with {a} {what}, has {b}"
    for a, b in sorted(drawn.edges.keys() ^ now.edges.keys()):
        yield f"{a} → {b}: {'is drawn, and is not there' if (a, b) in drawn.edges else 'is not drawn'}"


def read_picture(file: Path) -> Graph:
    """Read the graph that a picture was drawn from; it stands in the picture's description."""
    found = ElementTree.parse(file).find(".//{http://purl.org/dc/elements/1.1/}description")
    if found is None or not found.text:
        raise ValueError(f"{file}: holds no graph; draw it again with 'python docs/import_graph.py'")
    return Graph.from_text(found.text)


STEP, HEIGHT, WIDTH = 0.62, 0.42, 2.05
INK, SOFT, INSIDE, AROUND = "#1c2430", "#55606e", "#e8f0f7", "#f7eee2"


def draw(graph: Graph, file: Path) -> Path:
    """Draw the boxes as stairs. From each a line goes down, with a dot in each row that it imports from."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    names = list(graph.boxes)
    x = {name: STEP * i for i, name in enumerate(names)}
    y = {name: -STEP * i for i, name in enumerate(names)}
    with rc_context({"svg.hashsalt": CORE, "svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"]}):
        width, height = x[names[-1]] + WIDTH + 0.3, STEP * len(names) + 0.15
        figure = Figure(figsize=(width, height))
        ax = figure.add_axes((0, 0, 1, 1))
        ax.set(xlim=(-0.15, width - 0.15), ylim=(y[names[-1]] - 0.4, 0.4))
        ax.set_axis_off()
        for name, box in graph.boxes.items():
            _lines(ax, graph, name, x, y)
            colour = AROUND if name.endswith("/") else INSIDE
            style = {"boxstyle": "round,pad=0,rounding_size=0.06", "facecolor": colour, "edgecolor": INK}
            ax.add_patch(
                FancyBboxPatch((x[name], y[name] - HEIGHT / 2), WIDTH, HEIGHT, linewidth=0.8, zorder=3, **style)
            )
            ax.text(x[name] + 0.1, y[name] + 0.08, name, fontsize=9, weight="bold", va="center", color=INK, zorder=4)
            size = f"{box.files} file{'s' * (box.files != 1)}, {box.lines:,} lines"
            ax.text(x[name] + 0.1, y[name] - 0.1, size, fontsize=7, va="center", color=SOFT, zorder=4)
        described = {"Date": None, "Creator": None, "Title": "Who imports whom", "Description": graph.to_text()}
        figure.savefig(file, format="svg", metadata=described, facecolor="white")
    # matplotlib leaves blanks at the ends of lines, which git complains of
    text = re.sub(r"[ \t]+$", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")
    return file


def _lines(ax: Any, graph: Graph, name: str, x: Mapping[str, float], y: Mapping[str, float]) -> None:
    """Down from a box to the last room that it imports, and into a box from the first that imports it."""
    down = [b for a, b in graph.edges if a == name]
    trunk = {n: at + 0.2 for n, at in x.items()}
    if down:
        ax.plot([trunk[name]] * 2, [y[name], min(y[b] for b in down)], color=SOFT, linewidth=0.9, zorder=1)
        ax.scatter([trunk[name]] * len(down), [y[b] for b in down], s=11, color=INK, zorder=2, linewidth=0)
    into = [a for a, b in graph.edges if b == name]
    if into:
        arrow = {"arrowstyle": "-|>", "color": SOFT, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8}
        start = (min(trunk[a] for a in into), y[name])
        ax.annotate("", xy=(x[name], y[name]), xytext=start, arrowprops=arrow, zorder=1)


def main(args: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say in what the picture is out of date")
    if not parser.parse_args(None if args is None else list(args)).check:
        print(draw(read_graph(ROOT), PICTURE).relative_to(ROOT))
        return 0
    found = list(differences(read_picture(PICTURE), read_graph(ROOT)))
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    if found:
        print("the picture is out of date; draw it again with 'python docs/import_graph.py'", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
