"""Doing one stage: what the command line, run files, notebooks and tests call."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mimic_core.chain.declare import Asked, asked, options_of, with_files
from mimic_core.chain.events import Events, listening, make_loggers
from mimic_core.chain.kinds import kind_of
from mimic_core.errors import DataError
from mimic_core.files import check_output, to_json
from mimic_core.plugins.context import Context
from mimic_core.plugins.inputs import Inputs, Reads
from mimic_core.plugins.manager import Plugins
from mimic_core.plugins.stage import StageSpec
from mimic_guard.stopping import telling


def do(
    plugins: Plugins,
    stage: str,
    *,
    out: str | Path,
    records: Sequence[str | Path] = (),
    label: str = "",
    **table: Any,
) -> dict[str, Any]:
    """Do one stage of the chain.

    Args:
        plugins: what is installed, see `mimic_core.chain.installed`.
        stage: name of the stage: ``register``, ``train``, …
        out: file or folder that it writes.
        records: files to read, in any order, for a stage that sorts them by what they hold (``analyze``).
        label: what a section of a run file would be called, for stages that have several.
        table: options, files to read by the names of inputs, and settings, as in the stage's section of a run file.

    Returns:
        The stage's summary, JSON-able.

    Raises:
        ConfigError, DataError, PluginError, TrainingError: one line with the mend.
    """
    spec: StageSpec = plugins.get("stage", stage)
    label = label or _own_label(spec, table)
    where = f"{stage}.{label}" if label else stage
    given = asked(spec, table, plugins, where, label)
    reads = given.reads(spec, plugins)

    def find() -> Inputs:
        if callable(spec.reads) and not given.inputs:
            return sorted_by_kind(plugins, where, reads, [Path(f) for f in records])
        inputs = Inputs({r.kind: given.inputs.get(r.key, ()) for r in reads})
        _check_there(plugins, where, reads, inputs)
        return inputs

    return done(plugins, spec, given, find, Path(out), where=where, label=label)


def _own_label(spec: StageSpec, table: Mapping[str, Any]) -> str:
    """Label of a stage that is done alone and may be done often: the name of what it chooses."""
    return next(
        (v for o in options_of(spec) if o.field.name == spec.labelled and isinstance(v := table.get(o.key), str)), ""
    )


def done(
    plugins: Plugins,
    spec: StageSpec,
    given: Asked,
    find: Callable[[], Inputs],
    out: Path,
    *,
    where: str,
    label: str = "",
) -> dict[str, Any]:
    """Do a stage whose options are known and whose inputs can be found; return its summary."""
    if out.suffix or (out.exists() and not out.is_dir()):
        check_output(out)
    settings = spec.event_settings(given.options, plugins) if spec.event_settings else to_json(given.options)
    seed = getattr(given.options, "seed", None) or 0
    with _heard(plugins, given, out):
        with Events(plugins, where, settings) as events:
            options = with_files(spec, given.options, where)
            context = Context(plugins=plugins, out=out, progress=events.progress, seed=seed, label=label)
            with telling(lambda: _kept(where, out)):
                summary = spec.work(options, find(), context)
            return events.finish({"out": str(out), **summary})


def _kept(where: str, out: Path) -> str:
    return f"{where}: {out} is {'as it was' if out.exists() else 'not written'}" if out.suffix else ""


@contextlib.contextmanager
def _heard(plugins: Plugins, given: Asked, out: Path) -> Iterator[None]:
    """Let the loggers that an option ``log`` names hear of the stage."""
    with listening(plugins, make_loggers(plugins, getattr(given.options, "log", None) or {}, out)):
        yield


def _check_there(plugins: Plugins, where: str, reads: Sequence[Reads], inputs: Mapping[str, Sequence[Path]]) -> None:
    for r in reads:
        if not r.optional and not r.unless and not inputs[r.kind]:
            made_by = plugins.get("record", r.kind).made_by
            raise DataError(f"{where}: needs {r.key}, made by '{made_by}'; name such a file")


def sorted_by_kind(plugins: Plugins, where: str, reads: Sequence[Reads], files: Sequence[Path]) -> Inputs:
    """Sort files by what they hold; a file that others read is answered with their names.

    Raises:
        DataError: a file holds something else than is read, or there is one too many or one too few.
    """
    given: dict[str, list[Path]] = {r.kind: [] for r in reads}
    for path in files:
        found = kind_of(path, plugins)
        special = plugins.get("record", found).special if found else ""
        kind = next((k for k in (found, special) if k in given), None)
        if kind is None:
            raise DataError(_not_read(plugins, where, reads, path, found))
        given[kind].append(path)
    for r in reads:
        if len(given[r.kind]) > 1 and not r.several:
            raise DataError(f"{where}: reads one file of {r.kind}, got {', '.join(map(str, given[r.kind]))}; give one")
    _check_there(plugins, where, reads, given)
    return Inputs(given)


def _not_read(plugins: Plugins, where: str, reads: Sequence[Reads], path: Path, found: str) -> str:
    kinds = [r.kind for r in reads]
    first = f"{kinds[0]} are made by '{plugins.get('record', kinds[0]).made_by}'"
    if not found:
        return f"{path}: is no file that mimic wrote, but {where} reads {' and '.join(kinds)}; {first}"
    others = sorted(s.name for s in plugins.all("analysis") if found in [r.kind for r in s.reads if not r.optional])
    instead = f"for {found} there is 'mimic analyze {' | '.join(others)}'; " if others else ""
    return f"{path}: holds {found}, but {where} reads {' and '.join(kinds)}; {instead}{first}"
