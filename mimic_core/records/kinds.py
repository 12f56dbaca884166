"""Kinds of record: what a file or folder holds, how it is recognised, and which command makes it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from mimic_core.plugins.component import ComponentSpec


@attrs.frozen(kw_only=True)
class RecordSpec(ComponentSpec):
    """A kind of record that is kept in a file or a folder. ``build(path) -> record`` reads it.

    Attributes:
        made_by: the command that makes it, for messages.
        special: name of a more general kind: whoever reads that one may be given this one.
        holds: ``holds(path) -> bool`` recognises a folder, or a file that is no HDF5. Without it, a file is of this
            kind where its attribute ``mimic_kind`` says the kind's name, as `Record.save` writes it.
        synthetic: ``synthetic(rollouts) -> record`` makes one for the kit, of its synthetic `Rollouts`.
    """

    made_by: str
    special: str = ""
    holds: Callable[[Path], bool] | None = None
    synthetic: Callable[[Any], Any] | None = None
