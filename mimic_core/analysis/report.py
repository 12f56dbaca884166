"""What a report writer is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from mimic_core.plugins.component import ComponentSpec
from mimic_core.plugins.context import Context

WriteReport = Callable[[Path, Path, Context], Path]


@attrs.frozen(kw_only=True)
class ReportSpec(ComponentSpec):
    """A writer of reports. ``build(config) -> write`` with ``write(run: Path, out: Path, context: Context) -> Path``.

    ``run`` is the folder of a finished run. Everything is read from there: ``manifest.json`` has an entry for each
    stage with its options, its command, its outputs and its summary, and a result that `mimic_core.Result.save` wrote
    lies in the output of the stage that found it. ``out`` is the file or folder to write; what is returned is the file
    that a person opens. ``context.plugins`` are the installed plugins with the run file's preferences, which say where
    each component comes from.
    """
