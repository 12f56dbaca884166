"""A kind of record: an instant of each clip, with units and axes in the file, as HDF5 that mimic writes and reads."""

from typing import ClassVar

import attrs
import numpy as np

from mimic_core import Record, RecordSpec, hookimpl
from mimic_core.records import array, value


@attrs.frozen(kw_only=True)
class Template(Record):
    """An instant of each clip.

    Attributes:
        clip_names: of the clips.
        instant: (clip,) s since the clip's start; NaN where it did not happen.
    """

    KIND: ClassVar[str] = "template"

    clip_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    instant: np.ndarray = array(("clip",), "s")


@hookimpl
def mimic_records():
    yield RecordSpec(
        name=Template.KIND, build=Template.load, made_by="mimic template", summary="an instant of each clip"
    )
