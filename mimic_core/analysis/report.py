"""What a report writer is."""

from __future__ import annotations

import attrs

from mimic_core.plugins.component import ComponentSpec


@attrs.frozen(kw_only=True)
class ReportSpec(ComponentSpec):
    """A writer of reports. ``build(config) -> write`` with ``write(run: Path, out: Path) -> Path``.

    ``run`` is the directory of a finished run (see `mimic_core.chain.run_file`): the manifest, one JSON
    summary per stage and the saved results of the analyses are read from it.
    """
