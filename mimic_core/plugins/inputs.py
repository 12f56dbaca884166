"""Which kinds of record a component reads, and the records that it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from mimic_core.errors import DataError


@attrs.frozen
class Reads:
    """A kind of record that a stage or an analysis reads.

    Attributes:
        kind: name of the kind, see `mimic_core.RecordSpec`: ``clips``, ``rollouts``, ``emg``, …
        several: any number of them, e.g. one for each seed; otherwise one.
        optional: it can do without.
        name: of the setting in a run file, and of the option or argument of the command; the kind where it is empty.
        argument: on the command line it is an argument, not an option.
        unless: name of an option that replaces this input. The input is read only where that option is not given, and
            then from an earlier stage of a run; it is no option of the command.
        automatic: in a run file, what an earlier stage wrote is taken where none is named.
        help: one line for ``--help``.
    """

    kind: str
    several: bool = attrs.field(default=False, kw_only=True)
    optional: bool = attrs.field(default=False, kw_only=True)
    name: str = attrs.field(default="", kw_only=True)
    argument: bool = attrs.field(default=False, kw_only=True)
    unless: str = attrs.field(default="", kw_only=True)
    automatic: bool = attrs.field(default=True, kw_only=True)
    help: str = attrs.field(default="", kw_only=True)

    @property
    def key(self) -> str:
        """What the user calls it."""
        return self.name or self.kind


class Inputs(Mapping[str, tuple[Any, ...]]):
    """What is read, by kind: files for a stage, loaded records for an analysis."""

    def __init__(self, given: Mapping[str, Sequence[Any]]) -> None:
        self._given = {kind: tuple(items) for kind, items in given.items()}

    def __getitem__(self, kind: str) -> tuple[Any, ...]:
        return self._given[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def all(self, kind: str) -> tuple[Any, ...]:
        """Everything of a kind; empty where there is nothing."""
        return self._given.get(kind, ())

    def maybe(self, kind: str) -> Any | None:
        """The one of a kind, or None.

        Raises:
            DataError: there are several.
        """
        items = self.all(kind)
        if len(items) > 1:
            raise DataError(f"{kind}: one is read, {len(items)} are given; give one")
        return items[0] if items else None

    def one(self, kind: str) -> Any:
        """The one of a kind.

        Raises:
            DataError: there is none, or several.
        """
        found = self.maybe(kind)
        if found is None:
            raise DataError(f"{kind}: one is needed, none is given; name one")
        return found
