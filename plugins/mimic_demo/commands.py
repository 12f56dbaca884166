"""``mimic demo`` runs the demonstration, ``mimic examples`` lists the examples and copies one to work on."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from mimic_core import DataError, Table, did_you_mean
from mimic_core.cli import Json, Set, Watch, emit, load_plugins

_PACKAGE = Path(__file__).resolve().parent
_TOO = ("__pycache__", "*.egg-info", "build")
"""what building and running leave in a checkout"""


def folder() -> Path:
    """Where the examples are: in the installed package, or in the checkout that it is a part of.

    Raises:
        DataError: they are in neither.
    """
    for place in (_PACKAGE / "examples", _PACKAGE.parents[1] / "examples"):
        if (place / "demo.toml").is_file():
            return place
    raise DataError(f"{_PACKAGE / 'examples'}: the examples are not there; install mimic again")


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("demo"),
    watch: Watch = False,
    set_: Set = None,
    json: Json = False,
) -> None:
    """Run the whole chain on synthetic reaches, up to a report. It takes two to three minutes on two cores.

    Example: `mimic demo --out demo`

    It is `mimic run` with the example `demo.toml`: a second call redoes only what changed.
    """
    run = load_plugins().get("command", "run").function
    run(file=folder() / "demo.toml", out=out, watch=watch, set_=set_, json=json)


def examples(
    name: Annotated[str | None, typer.Argument(help="An example; without it, all are listed.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where the copy goes; default: its own name, here.")] = None,
    json: Json = False,
) -> None:
    """List the run files, bodies and packages that come with mimic, or copy one to work on.

    Example: `mimic examples mouse_reach.toml`
    """
    found = listed()
    if name is None:
        rows = [(n, about) for n, about in found.items()]
        table = Table(columns=("example", ""), rows=rows, caption="Examples; copy one with 'mimic examples NAME'")
        emit({"examples": found, "folder": str(folder())}, json, [table])
        return
    if name not in found:
        raise DataError(f"no example {name!r}{did_you_mean(name, found)}")
    out = Path(Path(name).name) if out is None else out
    if out.exists():
        raise DataError(f"{out}: is there already; choose another --out")
    source = folder() / name
    out.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, out, ignore=shutil.ignore_patterns(*_TOO))
    else:
        shutil.copyfile(source, out)
    lines: list[Any] = [f"{name} → {out}"]
    emit({"example": name, "out": str(out)}, json, lines)


def listed() -> dict[str, str]:
    """Name of each example → what it is, as its own first sentence says."""
    root = folder()
    files = sorted((*root.glob("*.toml"), *root.glob("bodies/*.toml")))
    found = {p.relative_to(root).as_posix(): _first_comment(p) for p in files}
    for code in sorted((*root.glob("*/*.py"), *root.glob("*/*/__init__.py"))):
        name = code.relative_to(root).parts[0]
        found.setdefault(name, code.read_text(encoding="utf-8").split('"""')[1].partition("\n")[0].rstrip("."))
    return found


def _first_comment(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    told = itertools.takewhile(lambda line: line.startswith("#"), lines)
    sentence = re.split(r"(?<!\bal)\. ", " ".join(line.lstrip("# ") for line in told))[0]  # not at "et al."
    return sentence.partition(": `")[0].rstrip(".")
