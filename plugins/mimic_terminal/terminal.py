"""The display that goes to a terminal; libraries that draw are imported when there is something to draw."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any


class Terminal:
    """A `mimic_core.Display` drawn by rich."""

    def working(self, watch: bool) -> AbstractContextManager[Any]:
        """Bars, or the panel with every metric if ``watch``; lines where standard error is no terminal."""
        from mimic_terminal.progress import ProgressBars, ProgressLines, WatchPanel

        return ProgressLines() if not sys.stderr.isatty() else WatchPanel() if watch else ProgressBars()

    def show(self, items: Iterable[Any]) -> None:
        """Print texts, tables and headlines."""
        from rich.console import Console

        from mimic_terminal.tables import renderables

        console = Console(markup=False, emoji=False)  # file names may hold brackets
        for item in items:
            for part in renderables(item):
                console.print(part)
