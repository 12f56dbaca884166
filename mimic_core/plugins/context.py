"""What a stage and an analysis are told beside their options and inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from mimic_core.plugins.manager import Plugins

Progress = Callable[[float, float, Mapping[str, float]], None]
"""``progress(done, total, metrics)``, called about once a second."""


def no_progress(done: float, total: float, metrics: Mapping[str, float]) -> None:
    """Tell nobody."""


@attrs.frozen(kw_only=True)
class Context:
    """Where work is done.

    Attributes:
        plugins: what is installed, with the run file's preferences.
        out: the file or folder that the work writes.
        progress: to be called now and then with how much is done, of how much, and numbers worth seeing.
        seed: of everything random that has no seed of its own.
        label: name of the table in the run file, where sections may have several (``[analyze.LABEL]``); else empty.
    """

    plugins: Plugins
    out: Path = attrs.field(default=Path(), converter=Path)
    progress: Progress = attrs.field(default=no_progress, repr=False)
    seed: int = 0
    label: str = ""
