"""What a stage is: options, the kinds of record that it reads and writes, and the work.

One declaration makes the command with its help, the section of a run file, the command's text in a report, and what
decides whether the stage is redone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.context import Context
from mimic_core.plugins.inputs import Inputs, Reads

Work = Callable[[Any, Inputs, Context], Mapping[str, Any]]


@attrs.frozen
class Choice:
    """A component that the user chooses by name, with settings.

    Attributes:
        name: None for the default one.
        settings: of that component.
    """

    name: str | None = None
    settings: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class OptionMeta:
    """What a stage's declaration says of an option.

    Attributes:
        help: one line for ``--help``.
        argument: on the command line it is an argument, not an option.
        shared: in a run file its value stands at the top of the file, for all stages (``seed``, ``body``).
        metavar: what stands for the value in ``--help``.
        pattern: paths in a run file may have wildcards.
        output: a path that is written, not read.
        like: a table that is laid out as the section of that stage, so that paths in it are found.
        names: a table of tables; on the command line the option is given once for each name, without settings.
        kind: of component that a `choice` names; the attributes below are about choices alone.
        key: what it is called in a run file; the option's own name where it is empty.
        flat: whatever in the section is not an option of the stage is a setting of the component.
        required: there is no default; a name must be given.
        partial: the settings may be incomplete; the stage checks them itself.
    """

    help: str
    argument: bool = False
    shared: bool = False
    metavar: str = ""
    pattern: bool = False
    output: bool = False
    like: str = ""
    names: bool = False
    kind: str = ""
    key: str = ""
    flat: bool = False
    required: bool = False
    partial: bool = False


def option(default: Any = attrs.NOTHING, *, help: str, validator: Any = None, **more: Any) -> Any:
    """Declare an option of a stage: a field of its attrs class.

    Its type is bool, int, float, str, Path, a tuple of str or of Path, any of these or None, or a mapping (a table of
    the run file, which the command line reaches with ``--set``).

    Args:
        more: what else is to be said of it, see `OptionMeta`.
    """
    return attrs.field(default=default, validator=validator, metadata={"option": OptionMeta(help=help, **more)})


def choice(kind: str, *, help: str, **more: Any) -> Any:
    """Declare an option that names a component of a kind and holds its settings; its type is `Choice`.

    In a run file it is a name, or a table with ``name`` and the component's settings.

    Args:
        more: what else is to be said of it, see `OptionMeta`.
    """
    return attrs.field(factory=Choice, metadata={"option": OptionMeta(kind=kind, help=help, **more)})


@attrs.frozen(kw_only=True)
class StageSpec(ComponentSpec):
    """A stage. ``config`` is the attrs class of its options, each declared with `option` or `choice`.

    ``work(options, inputs, context) -> summary`` does it: ``inputs`` holds the paths of what it reads, by kind, and
    ``context.out`` is the file or folder that it writes. The summary is JSON-able; it is what ``--json`` prints, what
    the manifest keeps and the report shows. Its entry ``headlines``, a list of `Headline`, goes to the report's top.
    Its entry ``error``, one line, says that a part could not be done: it is shown, ends the command with status 1, and
    ends a run, which does the stage again when it is called again.
    The docstring of ``config`` is the command's help. An option called ``log`` names loggers, which hear of the stage.

    Attributes:
        work: see above.
        reads: kinds of record that it reads; or ``reads(options, plugins)`` where that depends on the options.
        writes: kind of record that it writes; empty for something that no other stage reads.
        output: file or folder that it writes, below a run's folder; ``{label}`` stands for the name of the section's
            table. Or ``output(options, plugins, label)``.
        labelled: name of the option that the section's tables are named after: ``[analyze.LABEL]``. Empty for a section
            that is one table.
        inherits: name of another stage whose section gives the options that this one's leaves out.
        command: name of the command that does the stage; another stage's where they share one, which then has all the
            options of both. Empty means the stage's own name.
        together: ``together(options, inputs, contexts) -> summaries`` does the stage several times as one program,
            where options differ so little that it can; the first context hears of the progress.
        resumable: an unfinished output is kept and continued instead of removed.
        decides: ``decides(options, plugins) -> table``: what else decides the outcome, beside options and inputs;
            JSON-able. It is asked before any stage of a run begins, and raises where an option is wrong.
        event_settings: ``event_settings(options, plugins) -> table``: what listeners are told the settings are, where
            that is more than the options.
        beside: without ``--out`` the output goes into the folder that is read, under the name that ``output`` says.
        lines: ``lines(summary)``: what a terminal shows, texts and `Table` records; without it, the summary's numbers.
    """

    work: Work
    build: Callable[..., Any] = attrs.field(default=dict)
    reads: tuple[Reads, ...] | Callable[[Any, Any], tuple[Reads, ...]] = ()
    writes: str = ""
    output: str | Callable[[Any, Any, str], str] = ""
    labelled: str = ""
    inherits: str = ""
    command: str = ""
    together: Callable[[Sequence[Any], Inputs, Sequence[Context]], Sequence[Any]] | None = None
    resumable: bool = False
    decides: Callable[[Any, Any], Mapping[str, Any]] | None = None
    event_settings: Callable[[Any, Any], Mapping[str, Any]] | None = None
    beside: bool = False
    lines: Callable[[Mapping[str, Any]], Iterable[Any]] | None = None
