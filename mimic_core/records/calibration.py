"""What is known of an animal once it has been registered, for its further recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import attrs
import numpy as np

from mimic_core.body.body import Body
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.storage import Record, array, open_hdf5, value


@attrs.frozen(kw_only=True)
class Calibration(Record):
    """One animal's body, fitted once.

    Attributes:
        body: the body with the animal's keypoint positions, scale and segments.
        rotation: how the recording's axes lay in the model's; a further recording by the same cameras has the same.
        provenance: of the registration that it comes from.
    """

    KIND: ClassVar[str] = "calibration"

    body: Body = value(type=Body)
    rotation: np.ndarray = array(("row", "column"), "1")
    provenance: dict[str, Any] = value(default=attrs.Factory(dict))

    @classmethod
    def of(cls, clips: ReferenceClips) -> Self:
        """Return the calibration that registered clips hold; their alignments' mean rotation is kept."""
        u, _, vt = np.linalg.svd(clips.alignment[:, :3, :3].mean(0))
        return cls(body=clips.body, rotation=u @ vt, provenance=clips.provenance)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a calibration from its own file, or from registered clips.

        Raises:
            DataError: the file is missing, damaged, or holds something else.
        """
        path = Path(path)
        with open_hdf5(path) as f:
            kind = f.attrs.get("mimic_kind")
        if kind == ReferenceClips.KIND:
            return cls.of(ReferenceClips.load(path))
        return super().load(path)
