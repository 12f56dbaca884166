"""Which records there are, by the kind that files name themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from mimic_core.clips import ReferenceClips
from mimic_core.emg import Emg
from mimic_core.rollouts import Rollouts
from mimic_core.storage import open_hdf5
from mimic_core.sweep_results import SweepResults


@attrs.frozen
class RecordKind:
    """A kind of record.

    Attributes:
        cls: has ``load(path)``.
        made_by: the command that makes such a file.
    """

    cls: type
    made_by: str


KINDS: dict[str, RecordKind] = {
    ReferenceClips.KIND: RecordKind(ReferenceClips, "mimic register"),
    Rollouts.KIND: RecordKind(Rollouts, "mimic rollout"),
    Emg.KIND: RecordKind(Emg, "mimic emg"),
    SweepResults.KIND: RecordKind(SweepResults, "mimic sweep"),
}


def kind_of(path: str | Path) -> str:
    """Return the kind that a file names itself, empty where it names none; a folder is a sweep's.

    Raises:
        DataError: there is no such file, or it is no HDF5.
    """
    if Path(path).is_dir():
        return SweepResults.KIND
    with open_hdf5(path) as f:
        return str(f.attrs.get("mimic_kind", ""))


def load(path: str | Path, kind: str) -> Any:
    """Read a file as a record of that kind.

    Raises:
        DataError: it is something else.
    """
    return KINDS[kind].cls.load(path)
