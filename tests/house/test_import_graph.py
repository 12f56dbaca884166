"""The picture in docs/architecture.md shows the imports as they are."""

from __future__ import annotations

import importlib.util
import sys

import attrs
import pytest
from where import ROOT

SCRIPT = ROOT / "docs" / "import_graph.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("import_graph", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_picture_is_up_to_date(script):
    found = list(script.differences(script.read_picture(script.PICTURE), script.read_graph(ROOT)))
    assert not found, "draw it again with 'python docs/import_graph.py': " + "; ".join(found)


@pytest.fixture
def checkout(tmp_path):
    """A core of two rooms and a file, and a plugin that uses them through the face and through a room's face."""
    layers = 'layers = ["chain", "trainer", "records | body", "errors"]'
    files = {
        "pyproject.toml": f'[[tool.importlinter.contracts]]\ntype = "layers"\ncontainers = ["mimic_core"]\n{layers}\n',
        "mimic_core/__init__.py": "from mimic_core.records.clips import Clips as Clips\n",
        "mimic_core/errors.py": "",
        "mimic_core/chain/__init__.py": "",
        "mimic_core/chain/run.py": "def run():\n    import mimic_core.records.clips\n    import numpy\n",
        "mimic_core/records/clips.py": "if TYPE_CHECKING:\n    from mimic_core.errors import DataError\n",
        "mimic_core/body/model.py": "from mimic_core.errors import DataError\n",
        "plugins/mimic_a/__init__.py": "from mimic_core import Clips\nfrom mimic_core.body import Model\n",
        "bodies/mimic_b/__init__.py": "import mimic_a\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_every_import_counts(script, checkout):
    found = script.read_graph(checkout)
    assert list(found.boxes) == ["bodies/", "plugins/", "chain", "records", "body", "errors"]  # a trainer is not there
    assert found.boxes["chain"] == script.Box(row=2, files=2, lines=3)
    assert found.boxes["records"].row == found.boxes["body"].row
    assert found.edges == {
        ("plugins/", "records"): 1,  # where the face has it from
        ("plugins/", "body"): 1,
        ("chain", "records"): 1,  # late
        ("records", "errors"): 1,  # for an annotation
        ("body", "errors"): 1,
    }


def test_a_picture_knows_its_graph_and_is_the_same_twice(script, checkout, tmp_path):
    graph = script.read_graph(checkout)
    first, second = (script.draw(graph, tmp_path / name) for name in ("first.svg", "second.svg"))
    assert script.read_picture(first) == graph and first.read_bytes() == second.read_bytes()


def test_what_is_out_of_date_is_said(script, checkout):
    now = script.read_graph(checkout)
    room = now.boxes["chain"]
    assert list(script.differences(now, now)) == []
    grown = attrs.evolve(now, boxes=now.boxes | {"chain": attrs.evolve(room, lines=room.lines + 200)})
    assert list(script.differences(now, grown)) == ["chain: is drawn with 3 lines, has 203"]
    barely = attrs.evolve(now, boxes=now.boxes | {"chain": attrs.evolve(room, lines=room.lines + 2)})
    assert list(script.differences(now, barely)) == []
    fewer = attrs.evolve(now, edges={k: n for k, n in now.edges.items() if k != ("chain", "records")})
    assert list(script.differences(now, fewer)) == ["chain → records: is drawn, and is not there"]
    assert list(script.differences(fewer, now)) == ["chain → records: is not drawn"]
    without = attrs.evolve(now, boxes={k: b for k, b in now.boxes.items() if k != "body"})
    assert list(script.differences(now, without)) == ["body: is drawn, and is not there"]


def test_a_picture_without_a_graph_is_said_so(script, tmp_path):
    (tmp_path / "bare.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(ValueError, match=r"bare.svg: holds no graph; draw it again"):
        script.read_picture(tmp_path / "bare.svg")
