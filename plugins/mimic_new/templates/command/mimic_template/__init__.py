"""A subcommand: ``mimic template`` says what is in a file that mimic wrote."""

from pathlib import Path
from typing import Annotated

import typer

from mimic_core import CommandSpec, DataError, Table, hookimpl
from mimic_core.cli import Json, emit, load_plugins


def template(
    file: Annotated[Path, typer.Argument(help="A file that mimic wrote.", show_default=False)], json: Json = False
) -> None:
    """Say what kind of record a file holds, and which command makes it.

    Example: `mimic template clips.h5`
    """
    from mimic_core.chain import kind_of

    plugins = load_plugins()
    kind = kind_of(file, plugins)
    if not kind:
        raise DataError(f"{file}: is no file that mimic wrote; give one that is")
    made_by = plugins.get("record", kind).made_by
    table = Table(columns=("", ""), rows=[("kind", kind), ("made by", made_by)], caption=str(file))
    emit({"file": str(file), "kind": kind, "made_by": made_by}, json, [table])


@hookimpl
def mimic_commands():
    yield CommandSpec(name="template", function=template)
