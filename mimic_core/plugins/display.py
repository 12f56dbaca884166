"""What a display is: how a person sees that work is done, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import attrs

from mimic_core.plugins.component import ComponentSpec


class Display(Protocol):
    """Shows what a command does. With ``--json`` only `working` is asked."""

    def working(self, watch: bool) -> AbstractContextManager[Any]:
        """Return what shows progress on standard error while it is entered: an object with event hooks as methods.

        Args:
            watch: every metric is asked for, not only how far the work is.
        """
        ...

    def show(self, items: Iterable[Any]) -> None:
        """Print on standard output: texts, `mimic_core.Table` records, and tuples of `mimic_core.Headline`."""
        ...


@attrs.frozen(kw_only=True)
class DisplaySpec(ComponentSpec):
    """A display. ``build(config) -> Display``; the default one is used."""
