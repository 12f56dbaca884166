"""Pages that are written from the code when the site is built: one for each hook, the commands, files and names.

mkdocs calls it (``hooks`` in mkdocs.yml); ``pages()`` returns what it adds, which a test looks at.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ("Keypoints", "ReferenceClips", "Calibration", "Rollouts", "Emg")
ABOUT = {
    "Places": ("Body", "BodyModel", "Muscle", "Physics", "Actuation", "Place", "Description"),
    "Steps": ("StepView", "Kinematics", "Term"),
    "Records": (*RECORDS, "Record"),
    "Results": ("Result", "Table", "Headline"),
    "Controllers": ("Trainer", "Controller", "Decision", "Perturbation", "RolloutContext"),
    "Engines": ("Simulator", "SimState", "Readings"),
    "Stages": ("Inputs", "Reads", "Choice", "Context", "option", "choice"),
    "Notebooks": ("register", "train"),
    "Errors": ("MimicError", "ConfigError", "DataError", "PluginError", "TrainingError", "DataWarning"),
    "Jobs": ("Job", "Outcome", "Display", "Format"),
}
"""Heading → names of `mimic_core` that hooks' pages speak of."""
HOOKS_PAGE = """# Hooks

A plugin is a module with functions marked `@hookimpl`. Each has the name of a hook, takes no arguments and yields
records. `mimic new KIND NAME` writes a package for one, and `mimic plugins check NAME` checks it.

{table}

Four more hooks are told what happens: [events](events.md).
"""
EVENTS_PAGE = """# Events

A plugin that implements one of these hears every stage. Each takes those of the arguments that it names.
"""
FILES_PAGE = """# Files

Every record is one HDF5 file. Arrays are datasets with their unit (`units`) and their axes, which are dimension scales
with the names or the seconds along them: `xarray.open_dataset` opens a file as it is. Everything else is an attribute
that holds JSON. NaN is missing. Behind the HDF5 data stands a digest of it, by which a file that was changed or cut
short is known. Attributes `mimic_kind` and `mimic_schema` say what a file is.
"""
FOLDERS = """
## A run folder

`mimic train` writes `run.json` (every setting, the body, the clips' names and versions), `checkpoints/` (orbax, each
with that too), `curve.csv` (control steps, seconds, reward, tracking errors in mm) and `clips.h5`. `mimic run` writes
`manifest.json`: for each stage its options, command, outputs, hashes and summary. An analysis writes `metrics.json`,
`result.json`, a csv for each table, and each figure as png, svg and pdf.
"""
NAMES_PAGE = """# Names

What plugins import from `mimic_core`. Components' records (`RewardSpec`, …) are on the pages of their hooks.
"""


def pages() -> dict[str, str]:
    """Return the path of each page → its text."""
    from mimic_core.chain import HOOKS, installed

    plugins, out = installed(), {}
    kinds = [(kind, module) for module in HOOKS for kind in module.KINDS]
    for kind, module in kinds:
        out[f"hooks/{kind.name}.md"] = _hook(kind, getattr(module, kind.hook), plugins)
    events = importlib.import_module("mimic_core.plugins.hooks")
    out["hooks/events.md"] = _events(events)
    out["hooks/index.md"] = _hooks(kinds)
    out["cli.md"] = "\n".join(_commands(plugins))
    out["files.md"] = "\n".join(_files())
    out["reference.md"] = "\n".join(_reference())
    return out


def on_files(files: Any, config: Any) -> Any:
    """Add the pages to the site."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Files of the repository that are no pages are named instead of linked."""
    return re.sub(r"\[`?([^\]]+?)`?\]\((?:\.\./)+([^)]+)\)", r"`\2`", markdown)


# -- hooks ----------------------------------------------------------------------------------------------------


def _hooks(kinds: list[tuple[Any, Any]]) -> str:
    rows = ["| kind | hook | record | what it is |", "|---|---|---|---|"]
    for kind, _ in kinds:
        first = _first(kind.record.__doc__)
        rows.append(f"| [{kind.name}]({kind.name}.md) | `{kind.hook}` | `{kind.record.__name__}` | {first} |")
    return HOOKS_PAGE.format(table="\n".join(rows))


def _hook(kind: Any, hook: Any, plugins: Any) -> str:
    from mimic_core.testing.conformance import checks

    doc = inspect.getdoc(hook) or ""
    about, _, example = doc.partition("\n\n>>> ")
    text = [f"# {kind.name.replace('_', ' ').capitalize()}: `{kind.hook}`", "", _prose(about), ""]
    if example:
        code = "\n".join(re.sub(r"^(>>>|\.\.\.) ?", "", line) for line in (">>> " + example).splitlines())
        text += ["```python", code, "```", ""]
    text += [f"## `{kind.record.__name__}`", "", *_described(kind.record), ""]
    offered = [p for p in plugins.provided(kind.name) if p.plugin.startswith("mimic-neuro:")]
    if offered:
        record = offered[0].record
        text += ["## What the check looks for", ""]
        text += [f"- `{name}`: {_first(check.__doc__)}" for name, check in checks(kind.name, record).items()] + [""]
        text += ["## Built in", "", "| name | what it is | settings |", "|---|---|---|"]
        for p in offered:
            config = getattr(p.record, "config", None)
            fields = ", ".join(f"`{f.name}`" for f in attrs.fields(config)) if config else ""
            said = p.record.summary or _first(getattr(p.record, "function", p.record).__doc__)
            text.append(f"| `{p.name}` | {_cell(said)} | {fields} |")
    return "\n".join(text) + "\n"


def _events(module: Any) -> str:
    text = [EVENTS_PAGE]
    for name, f in vars(module).items():
        if name.startswith("mimic_stage_") or name == "mimic_progress":
            about, _, example = (inspect.getdoc(f) or "").partition("\n\n>>> ")
            text += ["", f"## `{name}({', '.join(inspect.signature(f).parameters)})`", "", _prose(about), ""]
            text += ["```python", ">>> " + example, "```"]
    return "\n".join(text) + "\n"


# -- commands -------------------------------------------------------------------------------------------------


def _commands(plugins: Any) -> Iterator[str]:
    import typer

    from mimic_core.cli.app import app

    root = typer.main.get_command(app)
    context = root.make_context("mimic", ["plugins"], resilient_parsing=True)
    yield "# Commands\n\n`mimic [--plugin FILE] [--debug] [--version] COMMAND …`\n\n" + _prose(
        inspect.cleandoc(root.help or "")
    )
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        inner = getattr(command, "commands", None)
        yield from _command(f"mimic {name}", command, 2)
        for below, sub in sorted((inner or {}).items()):
            yield from _command(f"mimic {name} {below}", sub, 3)


def _command(called: str, command: Any, level: int) -> Iterator[str]:
    yield f"\n{'#' * level} `{called}`\n"
    yield _prose(inspect.cleandoc(command.help or ""))
    rows = []
    for p in command.params:
        names = ", ".join(f"`{n}`" for n in (*p.opts, *p.secondary_opts)) if p.param_type_name == "option" else ""
        what = names or f"`{(p.metavar or p.name or '').upper()}`"
        if p.name in ("help", "install_completion", "show_completion"):
            continue
        default = "" if p.default in (None, (), False, [], ()) or callable(p.default) else f"`{p.default}`"
        rows.append(
            f"| {what} | {'must be given' if p.required else default} | {_cell(getattr(p, 'help', '') or '')} |"
        )
    if rows:
        yield "\n| | default | |\n|---|---|---|\n" + "\n".join(rows)


# -- files ----------------------------------------------------------------------------------------------------


def _files() -> Iterator[str]:
    import mimic_core

    yield FILES_PAGE
    for name in RECORDS:
        cls = getattr(mimic_core, name)
        yield f"\n## `{cls.KIND}`: `{name}`\n\n{_prose(_head(cls))}\n"
        yield "| key | kind | axes | unit | what it is |\n|---|---|---|---|---|"
        told = _attributes(cls)
        for f in attrs.fields(cls):
            meta = f.metadata
            axes, unit = ", ".join(meta.get("axes", ())), meta.get("unit", "")
            kind = {"array": "dataset", "arrays": "group of datasets", "value": "attribute"}[meta["storage"]]
            said = told.get(f.name) or meta.get("doc") or ("names along an axis" if f.name.endswith("_names") else "")
            yield f"| `{f.name}` | {kind} | {axes} | {unit} | {_cell(said)} |"
    yield FOLDERS


# -- names ----------------------------------------------------------------------------------------------------


def _reference() -> Iterator[str]:
    import mimic_core

    yield NAMES_PAGE
    for heading, names in ABOUT.items():
        yield f"\n## {heading}"
        for name in names:
            item = getattr(mimic_core, name)
            yield f"\n### `{name}`\n"
            yield "\n".join(_described(item))


def _described(item: Any) -> Iterator[str]:
    """Docstring, fields with types and defaults, and public methods."""
    yield _prose(_head(item))
    if attrs.has(item) or hasattr(item, "_fields"):
        told = _attributes(item)
        yield "\n| field | default | what it is |\n|---|---|---|"
        if attrs.has(item):
            for f in attrs.fields(item):
                yield f"| `{f.name}` | {_default(f)} | {_cell(told.get(f.name, _inherited(item, f.name)))} |"
        else:
            source = inspect.getsource(item)
            for name in item._fields:
                said = re.search(rf'^    {name}: .*\n    """(.*?)"""', source, re.MULTILINE | re.DOTALL)
                yield f"| `{name}` | | {_cell(told.get(name) or (said[1] if said else ''))} |"
    if inspect.isclass(item):
        for name, f in vars(item).items():
            f = getattr(f, "func", getattr(f, "fget", getattr(f, "__func__", f)))
            if not name.startswith("_") and inspect.isfunction(f) and f.__doc__:
                called = f"{name}{_signature(f)}" if callable(getattr(item, name, None)) else name
                yield f"\n- `{called}`: {_cell(_first(f.__doc__))}"
    elif callable(item):
        yield f"\n`{item.__name__}{_signature(item)}`"


def _inherited(item: type, name: str) -> str:
    return next((told[name] for base in item.__mro__ if name in (told := _attributes(base))), "")


def _default(f: Any) -> str:
    if f.default is attrs.NOTHING:
        return "must be given"
    if isinstance(f.default, attrs.Factory):
        return "" if f.default.takes_self else f"`{f.default.factory()!r}`"
    return (
        ""
        if callable(f.default) and not isinstance(f.default, type)
        else f"`{getattr(f.default, '__name__', repr(f.default))}`"
    )


def _signature(f: Any) -> str:
    return "(" + ", ".join(p for p in inspect.signature(f).parameters if p not in ("self", "cls")) + ")"


# -- docstrings -----------------------------------------------------------------------------------------------

_SECTION = re.compile(r"^(Attributes|Args|Returns|Raises):\n((?:    .*\n|\n)*)", re.MULTILINE)


def _head(item: Any) -> str:
    """A docstring without its table of attributes."""
    doc = (inspect.getdoc(item) or "") + "\n"
    return _SECTION.sub(lambda m: "" if m[1] == "Attributes" else m[0], doc).strip()


def _attributes(item: Any) -> dict[str, str]:
    """Name → what the section *Attributes* of a docstring says."""
    own = item.__dict__.get("__doc__") or ""
    found, names = {}, ()
    section = next((m[2] for m in _SECTION.finditer(inspect.cleandoc(own) + "\n") if m[1] == "Attributes"), "")
    for line in textwrap.dedent(section).splitlines():
        head = re.match(r"(\w+(?:, \w+)*): (.*)", line)
        if head:
            names = tuple(head[1].split(", "))
            found |= dict.fromkeys(names, head[2])
        else:
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return found


def _first(doc: str | None) -> str:
    return " ".join((inspect.cleandoc(doc or "").split("\n\n")[0]).split())


def _cell(text: str) -> str:
    return " ".join(_prose(text).split()).replace("|", "\\|")


def _prose(text: str) -> str:
    """A docstring as Markdown: double backticks become single, sections become bold, examples code."""
    text = re.sub(r"``(.+?)``", r"`\1`", text, flags=re.DOTALL)
    text = _SECTION.sub(lambda m: f"**{m[1]}**\n\n" + _items(m[2]) + "\n", text + "\n")
    text = re.sub(r"(?m)(^>>> (?:.|\n)*?)(?=\n\n|\Z)", r"```python\n\1\n```", text.strip())
    return text.strip()


def _items(section: str) -> str:
    lines = textwrap.dedent(section).splitlines()
    return "\n".join(
        f"- {line}" if line and not line.startswith(" ") else f"  {line.strip()}" for line in lines if line
    )
