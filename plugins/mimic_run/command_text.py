"""From the options of a stage to the text of its command, and to what decides its outcome."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mimic_core import Reads, StageSpec, to_json, unstructure
from mimic_core.chain import Asked, command_name, default_of, holds_paths, options_of


def command_text(
    spec: StageSpec,
    given: Asked,
    files: Mapping[str, Sequence[str]],
    out: str,
    reads: Sequence[Reads],
    shown: Callable[[Path], str] = str,
) -> str:
    """The command that does the stage alone, quoted for a shell.

    Args:
        files: name of an input → files, as they are to be shown.
        out: the same for the output.
        shown: how paths among the options are to be shown.
    """
    arguments, flags, sets = [], [], []
    for o in options_of(spec):
        value = getattr(given.options, o.field.name)
        if o.is_choice:
            name = value.name
            if name and o.meta.kind == "body":
                name = _body(name, shown)
            if name and o.meta.argument:
                arguments.append(name)
            elif name:
                flags += [f"--{_dashed(o.field.name)}", name]
            prefix = command_name(spec) if o.meta.flat and not spec.command else o.field.name
            sets += _assignments(value.settings, f"{prefix}.")
        elif o.meta.argument:
            arguments += _texts(value, shown)
        elif value != default_of(o.field) and not o.meta.output:
            if isinstance(value, Mapping):
                sets += _assignments({o.key: value})
            else:
                flags += _flag(o.field.name, value, shown)
    for r in reads:
        named = list(files.get(r.key, ()))
        if r.argument or r.unless or callable(spec.reads):
            arguments += named
        else:
            flags += [x for f in named for x in (f"--{_dashed(r.key)}", f)]
    words = ["mimic", command_name(spec), *arguments, *flags, *sets, *(["--out", out] if out else [])]
    return " ".join(_quoted(w) for w in words)


def _quoted(word: str) -> str:
    """A word for a shell; wildcards stay what they are."""
    return word if all(c.isalnum() or c in "_-./:,=+@%*?~" for c in word) and word else shlex.quote(word)


def _dashed(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _body(name: str, shown: Callable[[Path], str]) -> str:
    """A body's name, or the path of its description file; both may end in a variant."""
    return shown(Path(name)) if Path(name).suffix else name


def _texts(value: Any, shown: Callable[[Path], str] = str) -> list[str]:
    values = value if isinstance(value, tuple) else [value]
    return [shown(v) if isinstance(v, Path) else str(v) for v in values if v is not None]


def _flag(name: str, value: Any, shown: Callable[[Path], str]) -> list[str]:
    if isinstance(value, bool):
        return [f"--{_dashed(name)}"] if value else []
    return [x for text in _texts(value, shown) for x in (f"--{_dashed(name)}", text)]


def _assignments(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Settings as ``--set a.b=VALUE``."""
    out = []
    for key, v in settings.items():
        if isinstance(v, Mapping) and v:
            out += _assignments(v, f"{prefix}{key}.")
        else:
            out += ["--set", f"{prefix}{key}={json.dumps(to_json(v))}"]
    return out


def deciding(spec: StageSpec, given: Asked) -> tuple[dict[str, Any], list[Path]]:
    """The options that decide the outcome: as plain data, and the files that they name."""
    table, files = {}, []
    for o in options_of(spec):
        value = getattr(given.options, o.field.name)
        if o.meta.output or o.field.name == "log":
            continue
        if holds_paths(o.field.type):
            files += [Path(v) for v in _texts(value)]
        else:
            table[o.field.name] = unstructure(value)
            files += list(_files_in(table[o.field.name]))
    return to_json(table), files


def _files_in(value: Any) -> Iterator[Path]:
    """Files that settings name by an absolute path."""
    if isinstance(value, Mapping):
        for v in value.values():
            yield from _files_in(v)
    elif isinstance(value, (str, Path)) and str(value).startswith("/"):
        yield Path(value)
