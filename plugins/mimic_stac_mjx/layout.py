"""Reading and writing the layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs

from mimic_core import Body, ReferenceClips
from mimic_stac_mjx.read import read_clips
from mimic_stac_mjx.settings import Settings
from mimic_stac_mjx.write import write_clips


@attrs.frozen
class StacMjx:
    """Reads and writes STAC-MJX files with one set of settings."""

    settings: Settings

    def write(self, record: ReferenceClips, path: Path) -> None:
        """Write clips to ``path``; see `write_clips`."""
        write_clips(record, path, self.settings.lengths)

    def read(self, paths: Sequence[Path], body: Body) -> ReferenceClips:
        """Read the fits of one animal; see `read_clips`."""
        return read_clips(paths, body, self.settings)
