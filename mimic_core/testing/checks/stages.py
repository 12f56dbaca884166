"""Checks of stages and of kinds of record."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from mimic_core.chain.do import do
from mimic_core.chain.kinds import kind_of
from mimic_core.errors import MimicError, PluginError, did_you_mean
from mimic_core.files import to_json
from mimic_core.plugins.manager import Plugins
from mimic_core.plugins.stage import OptionMeta, StageSpec
from mimic_core.records.kinds import RecordSpec
from mimic_core.testing.checks.files import FOREIGN
from mimic_core.testing.records import toy_records


def check_options(record: StageSpec, plugins: Plugins) -> None:
    """Every option is declared with a help text, and the class has the docstring that is the command's help."""
    own = record.config.__dict__.get("__doc__")
    if not own or not own.strip():
        raise PluginError(
            f"{record.config.__name__} has no docstring; say what the stage does, it is the command's help"
        )
    for f in attrs.fields(record.config):
        meta = f.metadata.get("option")
        if not isinstance(meta, OptionMeta):
            raise PluginError(f"option {f.name!r} is a plain field; declare it with mimic_core.option or choice")
        if not meta.help.strip():
            raise PluginError(f"option {f.name!r} has no help; say in one line what it is")
        if meta.kind and meta.kind not in plugins.kinds:
            raise PluginError(f"option {f.name!r} chooses a {meta.kind!r}{did_you_mean(meta.kind, plugins.kinds)}")
    if record.labelled and record.labelled not in [f.name for f in attrs.fields(record.config)]:
        raise PluginError(f"labelled is {record.labelled!r}, which is no option; name one")


def check_flow(record: StageSpec, plugins: Plugins) -> None:
    """What it reads and writes are kinds of record, and its work takes what it is given."""
    known = {p.name for p in plugins.provided("record")}
    reads = () if callable(record.reads) else record.reads
    for kind in [*(r.kind for r in reads), *([record.writes] if record.writes else [])]:
        if kind not in known:
            raise PluginError(f"reads or writes {kind!r}, which is no kind of record{did_you_mean(kind, known)}")
    if record.writes and not record.output:
        raise PluginError(f"writes {record.writes} but has no output; say what the file or folder is called")
    if isinstance(record.output, str) and ("{label}" in record.output) != bool(record.labelled):
        raise PluginError(f"output is {record.output!r}; it has {{label}} in it exactly if labelled names an option")
    try:
        inspect.signature(record.work).bind(None, None, None)
    except TypeError as e:
        raise PluginError(f"work cannot be called ({e}); let it take (options, inputs, context)") from e
    stages = {p.name for p in plugins.provided("stage")} | {record.name}
    for name in filter(None, (record.inherits, record.command)):
        if name not in stages:
            raise PluginError(f"refers to the stage {name!r}{did_you_mean(name, stages)}")


def check_work(record: StageSpec, plugins: Plugins, table: Mapping[str, Any]) -> str:
    """The stage is done with synthetic records: it leaves its output, and its summary can be saved.

    Args:
        table: its options, as in a run file; files in it are there.

    Returns:
        why it was not done: it reads something that the kit cannot make.
    """
    made, named = toy_records(plugins), dict(table)
    with TemporaryDirectory() as folder:
        for read in () if callable(record.reads) else record.reads:
            if read.unless or read.key in named:
                continue
            if read.kind not in made:
                if read.optional:
                    continue
                return f"not tried: there are no synthetic {read.kind}"
            named[read.key] = made[read.kind].save(Path(folder) / f"{read.kind}.h5")
        out = Path(folder) / (record.output if isinstance(record.output, str) and record.output else "out")
        summary = do(plugins.having("stage", record), record.name, out=out, **named)
        if not out.exists():
            raise PluginError(f"leaves nothing at context.out ({out.name}); write there")
        if record.writes and (found := kind_of(out, plugins)) != record.writes:
            raise PluginError(f"writes {found or 'no kind of record'}, but says that it writes {record.writes}")
        json.dumps(to_json(summary), allow_nan=False)
        for line in record.lines(summary) if record.lines is not None else ():
            str(line)
    return ""


def check_record(record: RecordSpec, plugins: Plugins) -> None:
    """It names the command that makes it, and takes neither a foreign file nor an empty folder for its own."""
    if not record.made_by.startswith("mimic "):
        raise PluginError(f"made_by is {record.made_by!r}; name the command that makes it, e.g. 'mimic register'")
    if record.special and record.special not in {p.name for p in plugins.provided("record")} - {record.name}:
        raise PluginError(f"is a special {record.special!r}, which is no other kind of record; name one")
    with TemporaryDirectory() as folder:
        file, empty = Path(folder) / "foreign.h5", Path(folder) / "empty"
        file.write_bytes(FOREIGN)
        empty.mkdir()
        for path, what in ((file, "a foreign file"), (empty, "an empty folder")):
            if record.holds is not None and record.holds(path):
                raise PluginError(f"takes {what} for its own; let holds look for what only its own has")
        if record.holds is None:
            try:
                record.build(file)
            except MimicError as e:
                if "\n" in str(e):
                    raise PluginError("refuses a foreign file in several lines; say it in one") from e
            else:
                raise PluginError("reads a foreign file without a word; raise mimic_core.DataError, or give holds")
