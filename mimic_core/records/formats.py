"""Files of other programs: writing a mimic record as one of theirs, and reading theirs as a mimic record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import attrs

from mimic_core.body.body import Body
from mimic_core.plugins.component import ComponentSpec
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.rollouts import Rollouts
from mimic_core.records.storage import Record

KINDS = (ReferenceClips.KIND, Rollouts.KIND)
"""Kinds of mimic records that can be exchanged."""


class Format(Protocol):
    """A file layout with its settings. ``read`` is needed only where the layout's `FormatSpec` says so."""

    def write(self, record: Record, path: Path) -> None:
        """Write ``record`` to ``path``, which has the layout's ending.

        Raises:
            DataError: the layout cannot hold this record.
        """

    def read(self, paths: Sequence[Path], body: Body) -> ReferenceClips:
        """Read files of one animal as movements of ``body``.

        If the other program measured the error of its fit in its own way, that goes, as an error summary (see
        `mimic_core.records.statistics.error_summary`), into ``provenance["fitted_error_mm"]``.

        Raises:
            DataError: a file is not of this layout, or was not made with this body.
        """


@attrs.frozen(kw_only=True)
class FormatSpec(ComponentSpec):
    """A file layout of another program. ``build(config) -> Format``.

    Attributes:
        kind: kind of the mimic record that it exchanges, ``clips`` or ``rollouts``.
        suffixes: file endings, with the dot, lower case.
        reads: it reads the layout too; only ``clips`` are read.
        keypoints: the layout holds tracked keypoints. Of one that does not, the body's own stand in for them.
    """

    kind: str = attrs.field(default=ReferenceClips.KIND, validator=attrs.validators.in_(KINDS))
    suffixes: tuple[str, ...]
    reads: bool = False
    keypoints: bool = True

    def __attrs_post_init__(self) -> None:
        if self.reads and self.kind != ReferenceClips.KIND:
            raise ValueError(f"format {self.name}: reads {self.kind}, but only {ReferenceClips.KIND} can be read")
