"""A sweep file, and what is laid over it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from mimic_core import ConfigError, DataError, Inputs, Plugins, did_you_mean, merge, read_toml, unstructure
from mimic_core.chain import Asked, asked
from mimic_runs import with_paths
from mimic_sweep.settings import SweepOptions

STAGE = "sweep"
_AT_THE_TOP = ("title", "train", "rollout", "analyze", "executor", "prefer")
"""Of a sweep file; what else a sweep may be told stands in [sweep]."""


@attrs.frozen
class Wanted:
    """A sweep as it is wanted: the sweep file, with what is laid over it.

    Attributes:
        options: with no file.
        files: kind of record → the file that is named, where one is.
        where: what settings are called by in messages, before their own names: empty for those of a sweep file.
        strict: an analysis that cannot be done for each training is a mistake, not one of the run file's own.
    """

    options: SweepOptions
    files: Mapping[str, Path]
    where: str
    strict: bool

    @property
    def seeds(self) -> list[int]:
        """The seed of each training of a combination."""
        given = 3 if self.options.seeds is None else self.options.seeds
        return list(given) if isinstance(given, (list, tuple)) else list(range(given))

    @property
    def max_together(self) -> int:
        """At most so many trainings run as one compiled program."""
        return self.options.max_together or 16

    @property
    def show(self) -> tuple[str, ...]:
        """Patterns of the metrics that are shown."""
        return self.options.show or ("train.tracking_mm",)

    def clips(self) -> Path:
        """The reference clips.

        Raises:
            DataError: none are named.
        """
        if "clips" not in self.files:
            raise DataError("sweep.clips: must be given; name the reference clips that 'mimic register' made")
        return self.files["clips"]


def wanted(options: SweepOptions, inputs: Inputs | None, plugins: Plugins) -> Wanted:
    """Read the sweep file that options may name, and lay the options over it.

    Paths in the file are meant from its folder.

    Args:
        inputs: files that the command names; None where only settings are asked for.

    Raises:
        ConfigError: bad TOML, or an unknown or wrong setting.
        DataError: a file that is named is not there.
    """
    given = {kind: paths[0] for kind, paths in (inputs or {}).items() if paths}
    if options.file is None:
        return Wanted(options, given, f"{STAGE}.", strict=False)
    file = options.file
    over = _given(options) | {kind: str(path) for kind, path in given.items()}
    section, spec = _section(file), plugins.get("stage", STAGE)
    if inputs is None:  # files that the command names may stand in for those of the sweep file
        section = {key: v for key, v in section.items() if key not in [r.key for r in spec.reads]}
    try:
        at_home = with_paths(spec, section, file.parent, plugins, merge(section, over))
        laid: Asked = asked(spec, merge(at_home, over), plugins, STAGE)
    except ConfigError as e:
        raise ConfigError(f"{file}: {_as_in_file(str(e))}") from e
    files = {kind: paths[0] for kind, paths in laid.inputs.items()}
    return Wanted(laid.options, files, "", strict=True)


def _given(options: SweepOptions) -> dict[str, Any]:
    """The options that are not left at their defaults, as a table."""
    plain = {
        f.name: getattr(options, f.name)
        for f in attrs.fields(SweepOptions)
        if f.name not in ("file", "executor") and getattr(options, f.name) != _default(f)
    }
    executor = options.executor
    chosen = {**executor.settings, **({"name": executor.name} if executor.name else {})}
    return unstructure(plain) | ({"executor": chosen} if chosen else {})


def _default(field: attrs.Attribute) -> Any:
    return field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]


def _section(file: Path) -> dict[str, Any]:
    """A sweep file as the section of a run file would be."""
    table = read_toml(file)
    for key, v in table.items():
        if key != STAGE and key not in _AT_THE_TOP:
            raise ConfigError(f"{file}: {key}: unknown setting{did_you_mean(key, [STAGE, *_AT_THE_TOP])}")
        if key != "title" and not isinstance(v, Mapping):
            raise ConfigError(f"{file}: {key}: must be a table, got {v!r}")
    section = dict(table.pop(STAGE, {}))
    for key in section:
        if key in (*_AT_THE_TOP, "file"):
            raise ConfigError(f"{file}: {STAGE}.{key}: belongs at the top of the file, not into [{STAGE}]")
    return section | table


def _as_in_file(message: str) -> str:
    """A message that calls a setting what the sweep file calls it."""
    inner = message.removeprefix(f"{STAGE}.")
    return inner if inner.startswith(_AT_THE_TOP) else message
