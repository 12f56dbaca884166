"""Run files: sections of a TOML file, checked, with every path in them meant from one place.

A path in a run file is meant from the file's folder, one given on the command line from the current folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mimic_core import ConfigError, Plugins, StageSpec, did_you_mean, merge, read_toml
from mimic_core.chain import LoadedPlugins, options_of
from mimic_runs.paths import body_with_paths, with_paths

_OWN = {"title": str, "seed": int, "prefer": Mapping, "plugins": list}
"""Keys of a run file that belong to no stage."""
_NAMES = {str: "text", int: "a whole number", Mapping: "a table", list: "a list of text"}


def load_run_file(path: str | Path, overrides: Mapping[str, Any] | None, plugins: LoadedPlugins) -> dict[str, Any]:
    """Read a run file, lay ``overrides`` over it and check its sections. A section that is false is left out.

    Plugin files that it names are loaded into ``plugins``.

    Raises:
        ConfigError: bad TOML, an unknown section, or a section of the wrong kind.
        PluginError: a plugin file is broken.
    """
    path, overrides = Path(path), dict(overrides or {})
    given = read_toml(path)
    for file in _plugin_files(given, path.parent, path) + _plugin_files(overrides, Path(), path):
        if file.resolve() not in plugins.files:
            plugins.load_file(file)
    stages: dict[str, StageSpec] = {s.name: s for s in plugins.all("stage")}
    if isinstance(given.get("body"), str) and isinstance(overrides.get("body"), Mapping):
        given["body"] = {"name": given["body"]}
    whole = merge(given, overrides)
    _check(whole, stages, path)
    config = merge(
        _with_paths(given, path.parent, stages, plugins, whole), _with_paths(overrides, Path(), stages, plugins, whole)
    )
    config = {key: v for key, v in config.items() if not (key in stages and v is False)}
    for name, spec in stages.items():
        if spec.labelled and isinstance(config.get(name), Mapping):
            config[name] = {label: v for label, v in config[name].items() if v is not False}
    config.pop("plugins", None)
    if not set(config) & set(stages):
        raise ConfigError(f"{path}: names no stage; add one of {', '.join(f'[{s}]' for s in sorted(stages))}")
    return config


def _plugin_files(table: Mapping[str, Any], base: Path, path: Path) -> list[Path]:
    named = table.get("plugins", [])
    if not isinstance(named, list) or not all(isinstance(f, str) for f in named):
        raise ConfigError(f"{path}: plugins: must be a list of plugin files, got {named!r}")
    return [base / f for f in named]


def shared_keys(stages: Mapping[str, StageSpec]) -> set[str]:
    """Keys at the top of a run file that options of stages take their values from."""
    return {o.key for spec in stages.values() for o in options_of(spec) if o.meta.shared}


def _check(whole: Mapping[str, Any], stages: Mapping[str, StageSpec], path: Path) -> None:
    known = {*_OWN, *stages, *shared_keys(stages)}
    for key, v in whole.items():
        if key not in known:
            raise ConfigError(f"{path}: {key}: unknown section{did_you_mean(key, known)}")
        if key in stages and v is not False:
            check_kind(v, Mapping, f"{path}: {key}")
        elif key in _OWN:
            check_kind(v, _OWN[key], f"{path}: {key}")
        elif key == "body":
            check_kind(v, (str, Mapping), f"{path}: {key}")
    for name, spec in stages.items():
        if spec.labelled and isinstance(whole.get(name), Mapping):
            for label, v in whole[name].items():
                if v is not False:
                    check_kind(v, Mapping, f"{path}: {name}.{label}")


def check_kind(v: Any, kind: type | tuple[type, ...], where: str) -> None:
    """Raise ConfigError unless ``v`` is of that kind."""
    if not isinstance(v, kind) or isinstance(v, bool):
        name = " or ".join(_NAMES[k] for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise ConfigError(f"{where}: must be {name}, got {v!r}")


def _with_paths(
    table: Mapping[str, Any], base: Path, stages: Mapping[str, StageSpec], plugins: Plugins, whole: Mapping[str, Any]
) -> dict[str, Any]:
    out = dict(table)
    if base == Path():
        return out
    body_with_paths("body", out, base, plugins, whole)
    for name, spec in stages.items():
        if not isinstance(out.get(name), Mapping) or not isinstance(whole[name], Mapping):
            continue
        if spec.labelled:
            there = {label for label, v in whole[name].items() if isinstance(v, Mapping)}
            out[name] = {
                label: with_paths(spec, v, base, plugins, whole[name][label], label) if label in there else v
                for label, v in out[name].items()
            }
        else:
            out[name] = with_paths(spec, out[name], base, plugins, whole[name])
    return out


def sections(config: Mapping[str, Any], plugins: Plugins) -> Iterator[tuple[StageSpec, str, dict[str, Any]]]:
    """Yield stage, label and table of every section that is a stage, in the order of the file.

    Each table has what the stage shares with others, and what it inherits from another stage's section.

    Raises:
        ConfigError: a section inherits from one that is not there.
    """
    stages: dict[str, StageSpec] = {s.name: s for s in plugins.all("stage")}
    for name in [key for key in config if key in stages]:
        spec = stages[name]
        tables = config[name] if spec.labelled else {"": config[name]}
        for label, table in tables.items():
            where = f"{name}.{label}" if label else name
            inherited = {}
            if spec.inherits:
                if spec.inherits not in config:
                    raise ConfigError(f"{where}: takes up what [{spec.inherits}] says; add [{spec.inherits}]")
                inherited = dict(config[spec.inherits])
            shared = {o.key: config[o.key] for o in options_of(spec) if o.meta.shared and o.key in config}
            yield spec, label, {**shared, **inherited, **table}
