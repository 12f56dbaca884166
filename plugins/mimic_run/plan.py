"""The stages of a run, in an order that follows from what reads what."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import attrs

from mimic_core import ConfigError, Inputs, Plugins, Reads, StageSpec
from mimic_core.chain import Asked, asked, expanded, kind_depths
from mimic_run.command_text import command_text, deciding
from mimic_run.stage_output import files_below
from mimic_runs import sections

RUN = "run"
"""Kind of a run's folder: a stage that reads it reads everything that earlier stages made."""


@attrs.frozen(eq=False)
class Planned:
    """A stage of a run, before it is done.

    Attributes:
        spec: its declaration.
        label: name of its table, where its section has several.
        given: its options, and the files that its table names.
        output: file or folder that it writes, with the run's folder.
        inputs: what it reads, by kind.
        needs: names of the stages that make some of it.
        command: the command that does it alone, from the run's folder.
        settings: what of its options decides the outcome; JSON-able.
        files: files that its options name.
    """

    spec: StageSpec
    label: str
    given: Asked
    output: Path
    inputs: Inputs
    needs: tuple[str, ...]
    command: str
    settings: Mapping[str, Any]
    files: Sequence[Path]

    @property
    def name(self) -> str:
        """As the run file has it: ``register``, ``analyze.tracking``."""
        return full_name(self.spec, self.label)

    def read_files(self, out: Path) -> list[Path]:
        """Every file that it reads; asked when the stages before it are done."""
        found = list(self.files)
        for kind, paths in self.inputs.items():
            for path in paths:
                found += _told_of_run(out) if kind == RUN else files_below(path) if path.is_dir() else [path]
        return found


def full_name(spec: StageSpec, label: str) -> str:
    """What a stage of a run is called."""
    return f"{spec.name}.{label}" if label else spec.name


def _told_of_run(out: Path) -> list[Path]:
    """What a report is made of: summaries, tables and figures."""
    return [
        p
        for p in files_below(out)
        if p.suffix in (".json", ".csv", ".png") and p.name != "manifest.json" and "checkpoints" not in p.parts
    ]


@attrs.frozen(eq=False)
class _Section:
    """A section of a run file, checked by itself."""

    spec: StageSpec
    label: str
    given: Asked
    reads: tuple[Reads, ...]
    output: Path
    decides: Mapping[str, Any]

    @property
    def name(self) -> str:
        return full_name(self.spec, self.label)


def plan_stages(plugins: Plugins, config: Mapping[str, Any], out: Path) -> list[Planned]:
    """Return the stages of a run file in an order in which each comes after those whose output it reads.

    Of those that may come next, the one whose input lies earlier in the chain does, then the one named first.

    Raises:
        ConfigError: a wrong setting, a stage without anything to work on, or stages that wait for one another.
        DataError: a file that is named is not there.
    """
    found = [_section(plugins, spec, label, table, out) for spec, label, table in sections(config, plugins)]
    makers: dict[str, list[_Section]] = {}
    for s in found:
        makers.setdefault(s.spec.writes, []).append(s)
    planned = {s.name: _planned(plugins, s, makers, found, out) for s in found}
    depths = kind_depths(plugins)
    found.sort(key=lambda s: max((depths.get(r.kind, 0) for r in s.reads), default=0))
    if "log" in config and not any(hasattr(s.given.options, "log") for s in found):
        raise ConfigError("log: nothing to log; loggers keep the course of a training, add [train]")
    return [planned[name] for name in _in_order({s.name: planned[s.name].needs for s in found})]


def _section(plugins: Plugins, spec: StageSpec, label: str, table: Mapping[str, Any], out: Path) -> _Section:
    where = full_name(spec, label)
    if label and (not re.fullmatch(r"[\w.-]+", label) or not label.strip(".")):
        raise ConfigError(f"{where}: {label!r} cannot be a folder's name; use letters, digits, '_', '-' and '.'")
    given = asked(spec, table, plugins, where, label)
    decides = dict(spec.decides(given.options, plugins)) if spec.decides else {}
    output = spec.output(given.options, plugins, label) if callable(spec.output) else spec.output
    return _Section(spec, label, given, given.reads(spec, plugins), out / output.format(label=label), decides)


def _planned(
    plugins: Plugins, s: _Section, makers: Mapping[str, list[_Section]], every: Sequence[_Section], out: Path
) -> Planned:
    inputs: dict[str, tuple[Path, ...]] = {}
    needs: list[str] = []
    for r in s.reads:
        if r.key in s.given.inputs:
            inputs[r.kind] = s.given.inputs[r.key]
        elif r.kind == RUN:
            inputs[r.kind] = (out,)
            needs += [other.name for other in every if RUN not in [x.kind for x in other.reads]]
        elif r.automatic and not (r.unless and getattr(s.given.options, r.unless)):
            made = [m for m in makers.get(r.kind, ()) if m is not s]
            if not made and not r.optional:
                raise ConfigError(_nobody_makes(plugins, s.name, r))
            if len(made) > 1 and not r.several:
                names = " and ".join(m.name for m in made)
                raise ConfigError(f"{s.name}: reads one file of {r.kind}, which {names} make; name one as {r.key}")
            inputs[r.kind] = tuple(m.output for m in made)
            needs += [m.name for m in made]
    shown = {r.key: [_shown(p, out) for p in inputs.get(r.kind, ())] for r in s.reads}
    settings, files = deciding(s.spec, s.given)
    return Planned(
        spec=s.spec,
        label=s.label,
        given=s.given,
        output=s.output,
        inputs=Inputs(inputs),
        needs=tuple(dict.fromkeys(needs)),
        command=command_text(s.spec, s.given, shown, _shown(s.output, out), s.reads, lambda p: _shown(p, out)),
        settings={"options": settings, "decides": s.decides},
        files=[f for named in expanded(files, s.name) for f in (files_below(named) if named.is_dir() else [named])],
    )


def _nobody_makes(plugins: Plugins, where: str, r: Reads) -> str:
    makers = [spec for spec in plugins.all("stage") if spec.writes == r.kind]
    add = " or ".join(f"[{spec.name}{'.NAME' if spec.labelled else ''}]" for spec in makers) or "a stage that does"
    key = r.unless or r.key
    return f"{where}: needs {r.kind}, which no stage of this run makes; add {add}, or name a file: {key} = …"


def _shown(path: Path, out: Path) -> str:
    """A path as it is written from the run's own folder."""
    if path.is_relative_to(out):
        return str(path.relative_to(out))
    return os.path.relpath(path, out)


def _in_order(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Sort names so that each comes after those it needs, otherwise in the order given.

    Raises:
        ConfigError: some wait for one another.
    """
    sorter, place = TopologicalSorter(needs), {name: i for i, name in enumerate(needs)}
    try:
        sorter.prepare()
    except CycleError as e:
        raise ConfigError(f"stages wait for one another: {' → '.join(e.args[1])}; name a file for one of them") from e
    ready: list[tuple[int, str]] = []
    out = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (place[name], name))
        _, name = heapq.heappop(ready)
        out.append(name)
        sorter.done(name)
    return out
