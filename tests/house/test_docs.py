"""What the documentation shows is what happens.

Before a code block, ``<!-- save: FILE -->`` keeps it as a file, ``<!-- same as: FILE -->`` says that it quotes a file
of the repository, and ``<!-- run -->`` runs its commands in a folder with all saved files. Of the output shown,
white space does not matter and ``…`` stands for anything.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
from fake_plugins import OFFLINE, cannot_build, environment
from where import ROOT

BLOCK = re.compile(
    r"^<!-- (?P<note>(?:save|same as|run)\b.*?) -->\n+```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@attrs.frozen
class Block:
    place: str
    notes: dict[str, str]
    text: str


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    found = []
    for m in BLOCK.finditer(text):
        notes = dict(part.strip().partition(":")[::2] for part in m["note"].split(";"))
        place = f"{document.name}:{text[: m.start()].count(chr(10)) + 1}"
        found.append(Block(place, {k: v.strip() for k, v in notes.items()}, m["text"]))
    return found


DOCUMENTS = [d for d in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if d.is_file() and blocks(d)]


def test_plugin_guide_is_among_the_checked_documents():
    assert "plugins.md" in [d.name for d in DOCUMENTS]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda d: d.name)
def test_quoted_files_are_quoted_exactly(document):
    for block in blocks(document):
        if "same as" in block.notes:
            assert block.text == (ROOT / block.notes["same as"]).read_text(encoding="utf-8"), block.place


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[Path, Path]:
    """Document → a folder with the files that it tells the reader to save, and the repository's examples."""
    out = {}
    leftovers = shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    for document in DOCUMENTS:
        out[document] = tmp_path_factory.mktemp(document.stem)
        shutil.copytree(ROOT / "examples", out[document] / "examples", ignore=leftovers)
        for block in blocks(document):
            if "save" in block.notes:
                (out[document] / block.notes["save"]).write_text(block.text, encoding="utf-8")
    return out


RUNS = [pytest.param(d, block, id=block.place) for d in DOCUMENTS for block in blocks(d) if "run" in block.notes]


@pytest.mark.parametrize(("document", "block"), RUNS)
def test_commands_do_what_the_document_shows(document, block, folders):
    for command, shown in session(block.text):
        output = run(command, folders[document])
        expected = ".*?".join(re.escape(part) for part in squeeze(shown).split("…"))
        assert re.fullmatch(expected, output), f"$ {command}\n{output}"


def session(text: str) -> list[tuple[str, str]]:
    """Commands of a console block, each with the output shown below it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [part.partition("\n")[::2] for part in parts]


def run(command: str, folder: Path) -> str:
    program, *args = shlex.split(command)
    if program == "pip":
        if reason := cannot_build():
            pytest.skip(reason)
        args = [args[0], *OFFLINE, "--target", str(folder / "site"), *args[1:]]
    module = {"mimic": "mimic_core.cli", "pip": "pip"}[program]
    done = subprocess.run(
        [sys.executable, "-m", module, *args],
        cwd=folder,
        env=environment(folder / "site"),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )
    return squeeze(done.stdout)


def squeeze(text: str) -> str:
    return " ".join(text.split())
