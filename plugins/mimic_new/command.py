"""``mimic new``: copies a template and gives it a name."""

from __future__ import annotations

import keyword
import re
import shutil
from pathlib import Path
from typing import Annotated

import typer

from mimic_core import ConfigError, DataError, did_you_mean
from mimic_core.cli import Json, emit, load_plugins

TEMPLATES = Path(__file__).resolve().parent / "templates"
_COMMON = TEMPLATES / "common"
_LEFT = ("__pycache__", "*.pyc", ".*_cache")
"""what trying a template leaves behind"""
USE = {
    "actuation": "mimic train clips.h5 --out run --actuation template",
    "analysis": "mimic analyze template rollouts.h5 --out template",
    "body": "mimic generate --body template --out keypoints.h5",
    "command": "mimic template clips.h5",
    "display": "mimic plugins list",
    "emg_reader": "mimic emg reach1.csv reach2.csv --reader template --out emg.h5",
    "executor": "mimic sweep sweep.toml --out sweep --executor template",
    "format": "mimic export template clips.h5 --out angles.csv",
    "generator": "mimic generate --body mouse_forelimb --generator template --out keypoints.h5",
    "importer": "mimic register trial.csv --body leg.toml --out clips.h5",
    "logger": "mimic train clips.h5 --out run --log template",
    "observation": "mimic train clips.h5 --out run --set observations.template.scale=1.0",
    "perturbation": "mimic rollout run --perturb template --out pushed.h5",
    "policy": "mimic train clips.h5 --out run --policy template",
    "reader": "mimic register trial.template --body mouse_forelimb --out clips.h5",
    "record": "mimic analyze NAME instants.h5 --out analysis",
    "registration": "mimic register trial.csv --body mouse_forelimb --method template --out clips.h5",
    "report": "mimic report run --writer template --out report.txt",
    "reward": "mimic train clips.h5 --out run --set rewards.template.weight=0.05",
    "stage": "mimic template clips.h5 --out template.json",
    "task": "mimic train clips.h5 --out run --task template",
    "termination": "mimic train clips.h5 --out run --set terminations.template.limit_deg=90",
}
"""Kind → a command that uses a component of it."""


def kinds() -> list[str]:
    """Kinds of component that there is a template of."""
    return sorted(p.name for p in TEMPLATES.iterdir() if (p / "mimic_template").is_dir())


def new(
    kind: Annotated[str, typer.Argument(help=f"What it is: {', '.join(kinds())}.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Its name, as run files will say it: small letters.", show_default=False)],
    out: Annotated[Path | None, typer.Option(help="Folder of the package; default: mimic_NAME, here.")] = None,
    inside: Annotated[
        bool, typer.Option("--inside", help="Put it into mimic's own checkout, here, instead of a package of its own.")
    ] = False,
    json: Json = False,
) -> None:
    """Write a package for a component of your own: a module that works, a test that passes, pyproject and README.

    Example: `mimic new reward tremor`
    """
    _check(kind, name)
    if inside:
        made = _inside(kind, name)
        lines = [
            *(f"→ {path}" for path in made),
            f'next: add {name} = "mimic_{name}" to [project.entry-points.mimic] in pyproject.toml, mimic_{name} to the '
            "lists of [tool.importlinter], and install again",
        ]
    else:
        folder = out or Path(f"mimic_{name}")
        made = [_package(kind, name, folder)]
        lines = [f"{kind} {name} → {folder}", f"pip install -e {folder}", f"pytest {folder}"]
        lines += [f"mimic plugins check mimic-{_dashed(name)}:{name}", _named(USE[kind], name)]
    emit({"kind": kind, "name": name, "out": [str(path) for path in made]}, json, lines)


def _check(kind: str, name: str) -> None:
    plugins, templates = load_plugins(), kinds()
    if kind not in templates:
        if kind in plugins.kinds:
            raise ConfigError(f"no template of a {kind}; read what it is in the documentation, page hooks/{kind}")
        raise ConfigError(f"unknown kind {kind!r}{did_you_mean(kind, templates)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise ConfigError(
            f"name {name!r}: must be small letters, digits and _, beginning with a letter, and no Python word"
        )
    taken = [p.plugin for p in plugins.provided(kind) if p.name == name]
    if taken:
        raise ConfigError(f"{kind} {name!r} is there already, from {taken[0]}; choose another name")
    if kind == "stage" and plugins.find(f"command.{name}"):
        raise ConfigError(f"stage {name!r}: there is a command of that name; choose another name")


def _package(kind: str, name: str, folder: Path) -> Path:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: is there already; choose another --out")
    for file in ("pyproject.toml", "README.md"):
        text = (_COMMON / file).read_text(encoding="utf-8")
        _write(folder / file, _told(text, kind, name), name)
    _write(folder / ".gitignore", (_COMMON / "gitignore").read_text(encoding="utf-8"), name)
    for part in (TEMPLATES / kind).iterdir():
        _copy(part, folder / _named(part.name, name), name)
    (folder / f"mimic_{name}" / "py.typed").touch()
    return folder


def _inside(kind: str, name: str) -> list[Path]:
    """Lay module and test where the checkout has its own."""
    root = Path()
    if not (root / "mimic_core").is_dir() or not (root / "plugins").is_dir():
        raise DataError("--inside: this folder is no checkout of mimic; go to its top folder")
    room = root / ("bodies" if kind == "body" else "plugins")
    tests = root / "tests" / ("bodies" if kind == "body" else "plugins") / name
    made = [room / f"mimic_{name}", tests]
    for path in made:
        if path.exists():
            raise DataError(f"{path}: is there already; choose another name")
    _copy(TEMPLATES / kind / "mimic_template", made[0], name)
    _copy(TEMPLATES / kind / "tests", tests, name)
    return made


def _copy(source: Path, target: Path, name: str) -> None:
    unwanted = shutil.ignore_patterns(*_LEFT)(str(source), [p.name for p in source.iterdir()])
    for part in sorted(source.iterdir()):
        if part.name in unwanted:
            continue
        to = target / _named(part.name, name)
        if part.is_dir():
            _copy(part, to, name)
        else:
            _write(to, part.read_text(encoding="utf-8"), name)


def _write(path: Path, text: str, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_named(text, name), encoding="utf-8")


def _told(text: str, kind: str, name: str) -> str:
    """Fill in what a text says of the component."""
    module = (TEMPLATES / kind / "mimic_template" / "__init__.py").read_text(encoding="utf-8")
    summary = module.split('"""')[1].splitlines()[0].rstrip(".").replace('"', "'")
    words = {"SUMMARY": summary, "USE": f"```console\n$ {USE[kind]}\n```", "SPEC": _spec(kind), "KIND": _article(kind)}
    for word, said in words.items():
        text = re.sub(rf"\b{word}\b", lambda _, said=said: said, text)
    return text


def _spec(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_")) + "Spec"


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind.replace('_', ' ')}"


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _named(text: str, name: str) -> str:
    """Put a name in the place of ``template``."""
    camel = "".join(part.capitalize() for part in name.split("_"))
    text = text.replace("mimic-template", f"mimic-{_dashed(name)}").replace("mimic_template", f"mimic_{name}")
    text = text.replace("test_template", f"test_{name}").replace("TestTemplate", f"Test{camel}")
    return re.sub(r"\bTemplate\b", camel, re.sub(r"\btemplate\b", name, text))
