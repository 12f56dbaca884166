"""What every component record has in common, and what a kind of component is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs


@attrs.frozen
class NoSettings:
    """Configuration of a component that has nothing to set."""


@attrs.frozen(kw_only=True)
class ComponentSpec:
    """A named, replaceable part, as a plugin offers it.

    Attributes:
        name: the name that run files and the command line use.
        build: called once, outside jit; what it takes and returns is said by the subclass.
        config: attrs class of the settings; its validators run when a run file is read.
        summary: one line for ``mimic plugins list``.
        source: where the method or the numbers come from (author, year, equation).
        default: True for the one that is used when the user names none.
    """

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z][a-z0-9_]*"))
    build: Callable[..., Any] = attrs.field(validator=attrs.validators.is_callable())
    config: type = attrs.field(default=NoSettings)
    summary: str = ""
    source: str = ""
    default: bool = False

    @config.validator
    def _config_is_attrs(self, attribute: attrs.Attribute[type], value: type) -> None:
        if not (isinstance(value, type) and attrs.has(value)):
            raise ValueError(f"config must be an attrs class, got {value!r}")


@attrs.frozen
class Kind:
    """A kind of component: its name, the hook that yields its records, and the records' class."""

    name: str
    hook: str
    record: type[Any]
