"""Reading a stage's declaration: from a table of settings to checked options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from mimic_core.chain.choose import parse_body
from mimic_core.chain.patterns import expanded, holds_paths
from mimic_core.config import structure
from mimic_core.errors import ConfigError, DataError, did_you_mean
from mimic_core.files import to_json
from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.inputs import Reads
from mimic_core.plugins.manager import Plugins
from mimic_core.plugins.stage import Choice, OptionMeta, StageSpec


@attrs.frozen
class Option:
    """One option of a stage: its field, and what `mimic_core.option` says of it."""

    field: attrs.Attribute[Any]
    meta: OptionMeta

    @property
    def key(self) -> str:
        """What it is called in a run file."""
        return self.meta.key or self.field.name

    @property
    def is_choice(self) -> bool:
        return bool(self.meta.kind)


def options_of(spec: StageSpec) -> list[Option]:
    """The options of a stage, in the order of its class."""
    attrs.resolve_types(spec.config)
    return [Option(f, f.metadata["option"]) for f in attrs.fields(spec.config)]


def default_of(field: attrs.Attribute[Any]) -> Any:
    """What an option is where it is not given; ``attrs.NOTHING`` where it must be."""
    return field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore


def command_name(spec: StageSpec) -> str:
    """The command that does the stage."""
    return spec.command or spec.name


def component_of(plugins: Plugins, kind: str, name: str | None) -> ComponentSpec:
    """The component that a choice names, or the default one.

    Raises:
        PluginError: there is none of that name.
    """
    if kind == "body" and name:
        return parse_body(plugins, name)[0]
    return plugins.choose(kind, name)


def kind_depths(plugins: Plugins) -> dict[str, int]:
    """Kind of record → how many stages of the chain lie before the one that makes it, as the stages declare it."""
    makers = {s.writes: s for s in plugins.all("stage") if s.writes and not callable(s.reads)}

    def depth(kind: str, seen: tuple[str, ...] = ()) -> int:
        before = [r.kind for r in makers[kind].reads if r.automatic and r.kind in makers and r.kind not in seen]
        return 1 + max((depth(k, (*seen, kind)) for k in before), default=0)

    return {kind: depth(kind) for kind in makers}


@attrs.frozen
class Asked:
    """What was asked of a stage, checked.

    Attributes:
        options: an instance of the stage's class of options.
        inputs: name of an input (`Reads.key`) → the files that the table names.
    """

    options: Any
    inputs: Mapping[str, tuple[Path, ...]]

    def reads(self, spec: StageSpec, plugins: Plugins) -> tuple[Reads, ...]:
        """The kinds of record that the stage reads with these options."""
        return reads_of(spec, self.options, plugins)


def reads_of(spec: StageSpec, options: Any, plugins: Plugins) -> tuple[Reads, ...]:
    """The kinds of record that a stage reads with these options."""
    return spec.reads(options, plugins) if callable(spec.reads) else spec.reads


def asked(spec: StageSpec, table: Mapping[str, Any], plugins: Plugins, where: str, label: str = "") -> Asked:
    """Check a table of settings against a stage's declaration.

    Args:
        table: options by their keys, files to read by the names of inputs, and the settings of a flat choice.
        where: of the table, for messages.
        label: name of the section's table, which a labelled option takes where none is given.

    Raises:
        ConfigError: an unknown or wrong setting, with its path.
        DataError: a file that is named is not there.
        PluginError: an unknown component.
    """
    rest, values, flat = dict(table), dict[str, Any](), None
    for o in options_of(spec):
        own = label if o.field.name == spec.labelled else None
        if o.is_choice and o.meta.flat:
            flat, name = o, rest.pop(o.key, None) or own
            values[o.field.name] = {"name": _text(name, f"{where}.{o.key}"), "settings": {}}
        elif o.is_choice:
            values[o.field.name] = _choice(rest.pop(o.key, None) or own, f"{where}.{o.key}")
        elif o.key in rest:
            values[o.field.name] = _plain(rest.pop(o.key))
    if flat is None or not callable(spec.reads):
        inputs = _named_files(spec.reads if not callable(spec.reads) else (), rest, where)
    else:
        inputs = {}
    if flat is not None:
        chosen = values[flat.field.name]
        if flat.meta.required and not chosen["name"]:
            raise ConfigError(f"{where}.{flat.key}: must be given; name a {flat.meta.kind}")
        if callable(spec.reads):  # what it reads follows from what is chosen
            early = _structured(spec, values, where)
            inputs = _named_files(reads_of(spec, early, plugins), rest, where)
        chosen["settings"] = rest
    elif rest:
        first = next(iter(rest))
        known = [o.key for o in options_of(spec)] + [r.key for r in static_reads(spec)]
        raise ConfigError(f"{where}.{first}: unknown setting{did_you_mean(first, known)}")
    for o in options_of(spec):
        if o.is_choice and (value := values.get(o.field.name)) is not None:
            _check_choice(o, value, plugins, where)
    options = _structured(spec, values, where)
    _check_files(spec, options, where)
    return Asked(options, inputs)


def _check_files(spec: StageSpec, options: Any, where: str) -> None:
    """See that the files that options name are there.

    Raises:
        DataError: one is not, or a pattern matches nothing.
    """
    for o in options_of(spec):
        value = getattr(options, o.field.name)
        if value in (None, ()) or o.meta.output or not holds_paths(o.field.type):
            continue
        paths = value if isinstance(value, tuple) else (value,)
        if o.meta.pattern:
            expanded(paths, f"{where}.{o.key}")
        elif missing := [path for path in paths if not path.exists()]:
            raise DataError(f"{where}.{o.key}: {missing[0]}: no such file; check the path")


def with_files(spec: StageSpec, options: Any, where: str) -> Any:
    """Options with the files that patterns match in their place.

    Raises:
        DataError: a pattern matches nothing.
    """
    found = {
        o.field.name: expanded(getattr(options, o.field.name), f"{where}.{o.key}")
        for o in options_of(spec)
        if o.meta.pattern
    }
    return attrs.evolve(options, **found)


def static_reads(spec: StageSpec) -> tuple[Reads, ...]:
    return () if callable(spec.reads) else spec.reads


def _structured(spec: StageSpec, values: Mapping[str, Any], where: str) -> Any:
    return structure({k: v for k, v in values.items() if v is not None}, spec.config, where)


def _check_choice(o: Option, value: Mapping[str, Any], plugins: Plugins, where: str) -> None:
    """Check the settings of a component, unless the stage does so itself or nothing is chosen."""
    name, settings = value["name"], value["settings"]
    if o.meta.required and not name:
        at_top = f'needs a {o.key}; add {o.key} = "…" at the top of the run file, or --{o.key} NAME'
        raise ConfigError(f"{where}: {at_top}" if o.meta.shared else f"{where}.{o.key}: must be given")
    if o.meta.partial or (name is None and (o.meta.shared or not settings)):
        return
    spec = component_of(plugins, o.meta.kind, name)
    if o.meta.kind != "body":  # a body is checked where it is built, together with its description file
        try:
            structure(dict(settings), spec.config, where if o.meta.flat else f"{where}.{o.key}")
        except ConfigError as e:
            raise (
                e if name or not o.meta.flat else ConfigError(f"{e} ({o.key} {spec.name}, since none is named)")
            ) from e


def _text(v: Any, where: str) -> str | None:
    if v is not None and not isinstance(v, str):
        raise ConfigError(f"{where}: must be text, got {v!r}")
    return v


def _choice(given: Any, where: str) -> dict[str, Any]:
    """A component's name, or a table with ``name`` and its settings."""
    if isinstance(given, Choice):
        return {"name": given.name, "settings": dict(given.settings)}
    if isinstance(given, Mapping):
        settings = dict(given)
        return {"name": _text(settings.pop("name", None), f"{where}.name"), "settings": settings}
    return {"name": _text(given, where), "settings": {}}


def _plain(v: Any) -> Any:
    """A value as a TOML file would have it."""
    return to_json(v) if isinstance(v, (Path, tuple, list, Mapping)) else v


def _named_files(reads: Sequence[Reads], rest: dict[str, Any], where: str) -> dict[str, tuple[Path, ...]]:
    """Take the files to read out of a table."""
    found = {}
    for r in reads:
        given = rest.pop(r.key, None)
        if given is None:
            continue
        several = [given] if isinstance(given, (str, Path)) else given
        if not isinstance(several, (list, tuple)) or not all(isinstance(v, (str, Path)) for v in several):
            raise ConfigError(f"{where}.{r.key}: must be a file{' or a list of files' * r.several}, got {given!r}")
        if len(several) > 1 and not r.several:
            raise ConfigError(f"{where}.{r.key}: reads one file of {r.kind}, got {len(several)}; give one")
        for path in map(Path, several):
            if not path.exists():
                raise DataError(f"{where}.{r.key}: {path}: no such file or folder; check the path")
        found[r.key] = tuple(map(Path, several))
    return found
