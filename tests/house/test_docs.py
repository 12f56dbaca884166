"""What the documentation shows is what happens.

Before a code block, ``<!-- save: FILE -->`` keeps it as a file, ``<!-- same as: FILE -->`` says that it quotes a file
of the repository, and ``<!-- run -->`` (``<!-- run; slow -->``) runs its commands in a folder with all saved files. Of
the output shown, white space does not matter and ``…`` stands for anything.

Commands that are not run are parsed as they would be: their names, options and arguments are known. Code is compiled,
TOML read.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import attrs
import pytest
from fake_plugins import OFFLINE, cannot_build, environment, mimic
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


RUNS = [
    pytest.param(d, block, id=block.place, marks=[pytest.mark.slow] if "slow" in block.notes else [])
    for d in DOCUMENTS
    for block in blocks(d)
    if "run" in block.notes
]


@pytest.mark.parametrize(("document", "block"), RUNS)
def test_commands_do_what_the_document_shows(document, block, folders):
    for command, shown in session(block.text):
        output = run(command, folders[document], apart="slow" in block.notes)
        expected = ".*?".join(re.escape(part) for part in squeeze(shown).split("…"))
        assert re.fullmatch(expected, output), f"$ {command}\n{output}"


def session(text: str) -> list[tuple[str, str]]:
    """Commands of a console block, each with the output shown below it."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]
    return [part.partition("\n")[::2] for part in parts]


def run(command: str, folder: Path, apart: bool) -> str:
    """What a command prints; ``apart``: in a process of its own, as whole chains have it."""
    program, *args = shlex.split(command)
    assert program in ("mimic", "pip")
    if program == "mimic":
        return squeeze(mimic(*args, site=folder / "site", cwd=folder, apart=apart, together=True).stdout)
    if reason := cannot_build():
        pytest.skip(reason)
    done = subprocess.run(
        [sys.executable, "-m", "pip", args[0], *OFFLINE, "--target", folder / "site", *args[1:]],
        cwd=folder,
        env=environment(folder / "site"),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    return squeeze(done.stdout)


def squeeze(text: str) -> str:
    return " ".join(text.split())


# -- what is not run ------------------------------------------------------------------------------------------

ANY = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
EVERY = [
    d for d in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))) if d.is_file()
]
ELSEWHERE = ("pip", "pytest", "python", "python3", "make", "ray", ".", "tensorboard", "wandb", "git", "cd", "export")
MADE_UP = ("plates", "template")
"""Commands of plugins that a page makes up."""


def every(document: Path, *languages: str) -> list[str]:
    found = ANY.finditer(document.read_text(encoding="utf-8"))
    return [m["text"] for m in found if m["language"] in languages]


@pytest.mark.parametrize("document", EVERY, ids=lambda d: d.name)
def test_commands_are_there(document):
    import typer

    from mimic_core.cli.app import app

    root = typer.main.get_command(app)
    for text in every(document, "console", "bash"):
        lines = re.sub(r"\\\n\s*", "", text).splitlines()
        said = [line.removeprefix("$ ") for line in lines if line.startswith("$ ") or text.startswith("#!")]
        for line in said:
            words = shlex.split(line.partition(" #")[0], comments=True)
            while words and ("=" in words[0] or words[0] in ("srun", "export")):
                words = words[1:]
            if not words or words[0] != "mimic":
                assert text.startswith("#!") or not words or words[0] in ELSEWHERE, f"{document.name}: {line}"
                continue
            words = words[1:]
            while words and words[0] in ("--plugin", "--debug", "--version"):
                words = words[2 if words[0] == "--plugin" else 1 :]
            context = root.make_context("mimic", ["plugins"], resilient_parsing=True)
            if words and words[0] not in MADE_UP and not any(w.isupper() for w in words[:1]):
                command = root.get_command(context, words[0])
                assert command is not None, f"{document.name}: {line}"
                _parsed(command, words, context, f"{document.name}: {line}")


def _parsed(command, words, context, place):
    """Parse a command line without doing it."""
    given = [re.sub(r"\$\{?\w+\}?", "1", w.replace("…", "x")) for w in words[1:]]
    if hasattr(command, "commands"):
        inner = command.commands.get(given[0] if given else "")
        assert inner is not None or not given, place
        command, given = (inner, given[1:]) if inner is not None else (command, given)
        if inner is None:
            return
    try:
        command.make_context(words[0], given, parent=context)
    except Exception as e:  # click's own, of whatever click typer brings
        assert type(e).__name__ == "Exit", f"{place}: {e}"  # --help


@pytest.mark.parametrize("document", EVERY, ids=lambda d: d.name)
def test_code_and_settings_can_be_read(document):
    for text in every(document, "python"):
        compile(text, document.name, "exec")
    for text in every(document, "toml"):
        tomllib.loads(text)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", tmp_path / "site"],
        cwd=ROOT,
        env=environment() | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stdout + done.stderr
    reference = (tmp_path / "site" / "reference.html").read_text()
    for name in ("BodyModel", "Result", "Table", "Muscle", "Headline"):
        assert f">{name}</code>" in reference
    assert "ReaderSpec" in (tmp_path / "site" / "hooks" / "reader.html").read_text()
