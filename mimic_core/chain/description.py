"""Reading a description of a body: which model file, who imports it, and what is laid over the file."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mimic_core.body.body import Body
from mimic_core.body.importer import Description, ImporterSpec
from mimic_core.config import merge, read_toml, structure
from mimic_core.errors import ConfigError, DataError, blaming, did_you_mean

SUFFIX = ".toml"
"""Ending of a description file."""
MODEL = "model"
"""Key of the model file, whose ending says who imports it; an importer's name says so itself."""
_PACKAGE = "package:"
_KEYS = tuple(f.name for f in attrs.fields(Description) if f.name not in ("model", "where"))


def body_from_description(
    file: Path, importers: Sequence[ImporterSpec], settings: Mapping[str, Any] | None = None, where: str = ""
) -> Body:
    """Build the body that a description file describes.

    Args:
        file: the description.
        importers: who may import the model.
        settings: laid over what the file says. A model named here is meant from the current folder.
        where: who names the description, for messages; default: the file.

    Raises:
        ConfigError: the file is not valid TOML, a setting is unknown or wrong, or nobody imports the model.
        DataError: the model is missing or cannot be used, or has no body, joint or site of a name.
    """
    where, over = where or str(file), dict(settings or {})
    own, folder = read_toml(file), file.parent
    keys = {MODEL, *(i.name for i in importers)}
    if keys & set(over):
        own, folder = {k: v for k, v in own.items() if k not in keys}, Path()
    table = merge(own, over)
    importer, text = _model(table, importers, where)
    rest = {k: v for k, v in table.items() if k not in keys}
    known = [*_KEYS, *(f.name for f in attrs.fields(importer.config))]
    for key in rest:
        if key not in known:
            raise ConfigError(f"{_place(key, over, where)}: unknown setting{did_you_mean(key, [*known, *keys])}")
    try:
        description = structure({k: v for k, v in rest.items() if k in _KEYS} | {"model": text}, Description, "")
        config: Any = structure({k: v for k, v in rest.items() if k not in _KEYS}, importer.config, "")
    except ConfigError as e:
        path = str(e).removeprefix(".")
        raise ConfigError(f"{_place(path, over, where)}") from e
    found = _find(text, folder, where, importer, description.install)
    with blaming(f"the importer {importer.name} cannot read it; correct the model", found, where):
        return importer.build(config)(attrs.evolve(description, model=found, where=where))


def _place(path: str, over: Mapping[str, Any], where: str) -> str:
    """Where a setting stands: among those of the body, or in the description."""
    return f"body.{path}" if path.partition(".")[0].partition(":")[0] in over else f"{where}: {path}"


def _model(table: Mapping[str, Any], importers: Sequence[ImporterSpec], where: str) -> tuple[ImporterSpec, str]:
    """Who imports the model, and what it is called in the description."""
    named = {i.name: i for i in importers}
    given = [key for key in (MODEL, *named) if key in table]
    endings = {suffix: i for i in importers for suffix in i.suffixes}
    known = ", ".join(f"{suffix} ({i.name})" for suffix, i in sorted(endings.items())) or "none"
    if len(given) != 1:
        what = f"names its model by {' and '.join(given)}; leave one out" if given else "names no model"
        raise ConfigError(f"{where}: {what}" + ("" if given else f'; add {MODEL} = "FILE", its ending one of {known}'))
    key, text = given[0], table[given[0]]
    if not isinstance(text, str) or not text:
        raise ConfigError(f"{where}: {key}: must be the name of a file, got {text!r}")
    if key != MODEL:
        return named[key], text
    ending = Path(text).suffix.lower()
    if ending not in endings:
        what = repr(ending) if ending else "files without ending"
        raise ConfigError(
            f"{where}: {key}: nobody imports {what}; known endings: {known}; "
            "convert the model, or install a plugin that imports it"
        )
    return endings[ending], text


def _find(text: str, folder: Path, where: str, importer: ImporterSpec, install: str) -> Path:
    """The file that ``text`` names: a path from ``folder``, or one in an installed package."""
    if text.startswith(_PACKAGE):
        package, _, inside = text.removeprefix(_PACKAGE).partition("/")
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
        roots = (spec and spec.submodule_search_locations) or []
        path = Path(roots[0]) / inside if roots else None
        if path is None or not path.is_file():
            lacks = f"as installed lacks {inside}" if path else "is not installed"
            mend = install or ("install another version" if path else "install it")
            raise ConfigError(
                f"{where}: its model comes with {package}, which {lacks}; {mend}, or name the file: "
                f"--set body.{importer.name}=/path/to/{Path(inside).name}"
            )
        return path
    path = folder / Path(text).expanduser()
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path of the model")
    return path
