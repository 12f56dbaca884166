"""From a stage's declaration to its command: arguments, options, help, and what the terminal shows."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from mimic_core.analysis.result import Headline, Table
from mimic_core.chain.declare import Option, default_of, options_of
from mimic_core.cli.common import Json, Set, Watch, emit, load_plugins, parse_assignments, settings, working
from mimic_core.config import merge, structure
from mimic_core.errors import TrainingError
from mimic_core.plugins.inputs import Reads
from mimic_core.plugins.stage import StageSpec

_SORTED = "What it reads, in any order: every file says itself what it is."


def stage_command(spec: StageSpec, sharing: Sequence[StageSpec] = ()) -> Callable[..., None]:
    """Return a typer-style function that does the stage.

    Args:
        sharing: stages that are done by the same command; they differ in what an option chooses.
    """

    def command(**given: Any) -> None:
        out, as_json, watch = given.pop("out"), given.pop("json"), given.pop("watch")
        assigned = settings(given.pop("set_"), spec.name)
        records = given.pop("records", None) or []
        table = _table(spec, {k: v for k, v in given.items() if v not in (None, [], ())}, assigned)
        plugins = load_plugins()
        with working(plugins, watch):
            from mimic_core.chain.do import do

            if out is None and not callable(spec.reads):
                out = table[spec.reads[0].key] / spec.output
            summary = do(plugins, spec.name, out=out, records=records, **table)
        emit(summary, as_json, _shown(spec, summary))
        if summary.get("error"):
            raise TrainingError(summary["error"])

    return _typed(command, spec)


def _shown(spec: StageSpec, summary: Mapping[str, Any]) -> Iterator[Any]:
    """What a display is given: headlines, then the stage's own lines, or else the summary's numbers."""
    yield structure(summary.get("headlines") or [], tuple[Headline, ...], "headlines")
    if spec.lines is not None:
        yield from spec.lines(summary)
    else:
        plain = [(k, v) for k, v in summary.items() if k != "out" and isinstance(v, (int, float, str))]
        yield Table(columns=("", ""), rows=plain, caption=spec.summary or spec.name)
        yield f"{spec.name} → {summary['out']}"


def _table(spec: StageSpec, given: Mapping[str, Any], assigned: Mapping[str, Any]) -> dict[str, Any]:
    """The section of a run file that options and assignments amount to."""
    table: dict[str, Any] = {}
    for o in options_of(spec):
        name = o.field.name
        if name not in given:
            continue
        if o.is_choice and not o.meta.flat:
            table[o.key] = {"name": given[name]}
        elif o.meta.names:
            table[o.key] = {entry: {} for entry in given[name]}
        else:
            table[o.key] = given[name]
    if not callable(spec.reads):
        table |= {r.key: given[_python(r.key)] for r in spec.reads if _python(r.key) in given}
    nested = [o for o in options_of(spec) if o.is_choice and not o.meta.flat]
    named = {o.key: {"name": assigned[o.key]} for o in nested if isinstance(assigned.get(o.key), str)}
    flat = [o.field.name for o in options_of(spec) if o.is_choice and o.meta.flat and o.field.name in given]
    chosen = given[flat[0]] if flat else ""
    inner = assigned.get(chosen, {})  # settings with the name that their section of a run file has
    if isinstance(inner, Mapping) and chosen in assigned:
        assigned = merge({k: v for k, v in assigned.items() if k != chosen}, inner)
    return merge(table, {**assigned, **named})


def _python(key: str) -> str:
    return key.replace("-", "_")


def _typed(command: Callable[..., None], spec: StageSpec) -> Callable[..., None]:
    """Give a function the signature from which typer makes arguments and options."""
    reads = () if callable(spec.reads) else [r for r in spec.reads if not r.unless]
    required, optional = list[inspect.Parameter](), list[inspect.Parameter]()

    def add(name: str, kind: Any, default: Any = inspect.Parameter.empty) -> None:
        parameter = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        (required if default is inspect.Parameter.empty else optional).append(parameter)

    options = options_of(spec)
    for r in reads:
        if r.argument:
            add(_python(r.key), *_input(r))
    for o in options:
        if o.meta.argument:
            add(o.field.name, *_option(o))
    if callable(spec.reads):
        add("records", Annotated[list[Path] | None, typer.Argument(help=_SORTED, show_default=False)], None)
    add("out", *_out(spec))
    for o in options:
        if not o.meta.argument and _on_command_line(o):
            add(o.field.name, *_option(o))
    for r in reads:
        if not r.argument:
            add(_python(r.key), *_input(r))
    add("watch", Watch, False)
    add("set_", Set, None)
    add("json", Json, False)
    parameters = [*required, *optional]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = inspect.getdoc(spec.config) or spec.summary
    command.__name__ = spec.name
    return command


def _on_command_line(o: Option) -> bool:
    """Tables, and what may be anything, are reached with ``--set`` alone, unless names or a metavar are given."""
    kinds = (o.field.type, *typing.get_args(o.field.type))
    anything = (o.field.type is Any and not o.meta.metavar) or any(typing.get_origin(kind) is Mapping for kind in kinds)
    return o.is_choice or o.meta.names or not anything


def _out(spec: StageSpec) -> tuple[Any, ...]:
    what = spec.output if isinstance(spec.output, str) else ""
    if spec.beside:
        return Annotated[Path | None, typer.Option(help=f"Where it goes; default: {what} in the folder.")], None
    kind = f"Where it goes (.{what.rpartition('.')[2]})." if "." in what else "Folder that it goes to."
    return (Annotated[Path, typer.Option(help=kind if what else "Where it goes.")],)


def _input(r: Reads) -> tuple[Any, ...]:
    kind = list[Path] if r.several else Path
    if r.argument:
        info = typer.Argument(help=r.help, metavar=r.key.upper(), show_default=False)
    else:
        info = typer.Option(help=r.help or f"A file of {r.kind}.", show_default=False)
    return (Annotated[kind | None, info], None) if r.optional else (Annotated[kind, info],)


def _option(o: Option) -> tuple[Any, ...]:
    meta, field = o.meta, o.field
    name = "--" + field.name.rstrip("_").replace("_", "-")
    if meta.names:
        return Annotated[list[str] | None, typer.Option(name, help=meta.help, show_default=False)], None
    kind, default = (str, None) if o.is_choice else (_cli_type(field.type), default_of(field))
    needed = meta.required if o.is_choice else default is attrs.NOTHING
    extra: dict[str, Any] = {"help": meta.help, "metavar": meta.metavar or None}
    if kind is Any:
        extra["parser"] = lambda text: parse_assignments([f"value={text}"])["value"]
    if meta.argument:
        info = typer.Argument(**extra, show_default=False)
    else:
        info = typer.Option(name, **extra, show_default=default not in (None, (), attrs.NOTHING))
    if needed:
        return (Annotated[kind, info],)
    if default in (None, ()) or o.is_choice:
        return Annotated[kind | None, info], None
    return Annotated[kind, info], default


def _cli_type(kind: Any) -> Any:
    """The type that typer reads: lists for tuples, no None."""
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    return list[typing.get_args(kind)[0]] if typing.get_origin(kind) is tuple else kind  # type: ignore[misc]
