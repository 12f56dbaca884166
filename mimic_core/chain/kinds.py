"""What kind of record a file or folder holds, and reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mimic_core.errors import DataError
from mimic_core.plugins.manager import Plugins
from mimic_core.records.kinds import RecordSpec
from mimic_core.records.storage import open_hdf5


def kind_of(path: str | Path, plugins: Plugins) -> str:
    """Return the kind of record that a file or folder holds, the most special one; empty where no kind claims it.

    Raises:
        DataError: there is no such file or folder, or a file is damaged.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    specs: list[RecordSpec] = plugins.all("record")
    found = [s for s in specs if s.holds is not None and s.holds(path)]
    if not found and path.is_file():
        with open_hdf5(path) as f:
            said = str(f.attrs.get("mimic_kind", ""))
        found = [s for s in specs if s.name == said]
    special = [s for s in found if s.special]
    return (special or found)[0].name if found else ""


def load(path: str | Path, kind: str, plugins: Plugins) -> Any:
    """Read a file or folder as a record of that kind.

    Raises:
        DataError: it is something else.
        PluginError: there is no such kind.
    """
    return plugins.get("record", kind).build(Path(path))
