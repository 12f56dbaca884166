"""What an extra subcommand is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class CommandSpec:
    """A subcommand of ``mimic``: a typer-style function, or a ``typer.Typer`` with its own subcommands."""

    name: str
    function: Callable[..., Any]
    summary: str = ""
