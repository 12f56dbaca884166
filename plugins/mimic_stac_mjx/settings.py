"""Settings of the format."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

_positive = attrs.validators.gt(0)


@attrs.frozen
class Settings:
    """Settings of the `stac_mjx` format. ``lengths`` is for writing, the others are for reading.

    Attributes:
        lengths: the layout holds clips of one length. Where they differ, ``same`` refuses and ``pad`` lets the shorter
            ones stand still in their last frame up to the longest one's length.
        rate_hz: frames per second; None takes what the file says. STAC-MJX's own files do not hold it, and it must be
            given, except for the published mouse arm (200 Hz).
        clip_frames: frames of each clip; None takes what the file says, or the whole file as one clip.
        joints: joint of the file → joint of the body, where names differ by more than case, punctuation and the
            word ``joint``.
        tolerance_mm: how far a keypoint of the fit may move on the segment that carries it, mm of the animal. If it
            moves further on the body's own choice of segment, it is put on the one that holds it still; if none
            does, the fit was made with another skeleton.
    """

    lengths: str = attrs.field(default="same", validator=attrs.validators.in_(("same", "pad")))
    rate_hz: float | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    clip_frames: int | None = attrs.field(default=None, validator=attrs.validators.optional(_positive))
    joints: Mapping[str, str] = attrs.field(factory=dict)
    tolerance_mm: float = attrs.field(default=0.1, validator=_positive)
