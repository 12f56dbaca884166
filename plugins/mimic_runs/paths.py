"""Where relative paths in settings are meant from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import Plugins, StageSpec
from mimic_core.chain import MODEL, Option, component_of, holds_paths, options_of, parse_body, static_reads


def with_paths(
    spec: StageSpec, table: Mapping[str, Any], base: Path, plugins: Plugins, whole: Mapping[str, Any], label: str = ""
) -> dict[str, Any]:
    """Return a table of settings with every relative path in it taken from ``base``.

    Args:
        table: some or all settings of a section.
        whole: the section as it is in the end, which says what components are chosen.
        label: name of the section's table.
    """
    out = dict(table)
    if base == Path():
        return out
    for o in options_of(spec):
        if o.is_choice:
            _choice_with_paths(o, out, base, plugins, whole, label if o.field.name == spec.labelled else None)
        elif o.key in out and holds_paths(o.field.type):
            out[o.key] = _at(base, out[o.key])
        elif o.meta.like and isinstance(out.get(o.key), Mapping):
            out[o.key] = _section_with_paths(plugins.get("stage", o.meta.like), out[o.key], base, plugins, whole[o.key])
    names = [r.key for r in static_reads(spec)]
    if callable(spec.reads):
        names = [k.name for k in plugins.all("record")] + ["run"]
    for name in names:
        if name in out:
            out[name] = _at(base, out[name])
    return out


def _section_with_paths(
    spec: StageSpec, table: Mapping[str, Any], base: Path, plugins: Plugins, whole: Mapping[str, Any]
) -> dict[str, Any]:
    if not spec.labelled:
        return with_paths(spec, table, base, plugins, whole)
    return {
        k: with_paths(spec, v, base, plugins, whole[k], k) if isinstance(v, Mapping) else v for k, v in table.items()
    }


def _choice_with_paths(
    o: Option, out: dict[str, Any], base: Path, plugins: Plugins, whole: Mapping[str, Any], label: str | None
) -> None:
    if o.meta.kind == "body":
        body_with_paths(o.key, out, base, plugins, whole)
        return
    given = out if o.meta.flat else out.get(o.key)
    if not isinstance(given, Mapping):
        return
    in_the_end = whole if o.meta.flat else whole.get(o.key)
    name = in_the_end.get(o.key if o.meta.flat else "name") if isinstance(in_the_end, Mapping) else in_the_end
    if name is not None and not isinstance(name, str):
        return  # which is refused where it is checked
    config = component_of(plugins, o.meta.kind, name or label).config
    attrs.resolve_types(config)
    changed = {
        f.name: _at(base, given[f.name]) for f in attrs.fields(config) if f.name in given and holds_paths(f.type)
    }
    if o.meta.flat:
        out |= changed
    else:
        out[o.key] = {**given, **changed}


def body_with_paths(key: str, out: dict[str, Any], base: Path, plugins: Plugins, whole: Mapping[str, Any]) -> None:
    """Take the description file that may name a body, and the files among its settings, from ``base``, in place.

    Args:
        whole: the table as it is in the end, which says what body is meant.
    """
    given = out.get(key)
    settings = dict(given) if isinstance(given, Mapping) else {"name": given}
    in_the_end = whole.get(key)
    name = in_the_end.get("name") if isinstance(in_the_end, Mapping) else in_the_end
    if isinstance(name, str):
        settings |= {k: _at(base, settings[k]) for k in _body_files(plugins, name) if k in settings}
    if isinstance(own := settings.get("name"), str):
        _, file, variant = parse_body(plugins, own)
        if file:
            settings["name"] = f"{_at(base, file)}:{variant}" if variant else _at(base, file)
    if given is not None:
        out[key] = settings if isinstance(given, Mapping) else settings["name"]


def _body_files(plugins: Plugins, text: str) -> set[str]:
    """Names of the settings of a body that are paths."""
    spec = parse_body(plugins, text)[0]
    importers = plugins.all("importer") if spec.description is not None else []
    own = {MODEL, *(i.name for i in importers)} if spec.description is not None else set()
    for config in (spec.config, *(i.config for i in importers)):
        attrs.resolve_types(config)
        own |= {f.name for f in attrs.fields(config) if holds_paths(f.type)}
    return own


def _at(base: Path, v: Any) -> Any:
    if isinstance(v, str):
        return str(base / Path(v).expanduser()) if v and not v.startswith("package:") else v
    return [_at(base, x) for x in v] if isinstance(v, (list, tuple)) else v
