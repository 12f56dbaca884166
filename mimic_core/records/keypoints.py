"""Tracked 3D keypoints, and how those of several files are joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import attrs
import numpy as np

from mimic_core.errors import DataError
from mimic_core.records.storage import Record, array, value

METRES_PER = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6}
"""Units that positions may be in, with their size in metres."""


@attrs.frozen(kw_only=True)
class Keypoints(Record):
    """Tracked 3D keypoints of one animal. NaN is missing; clips shorter than the longest end in NaN.

    Attributes:
        names: keypoint names, as the file has them.
        positions: (clip, frame, keypoint, xyz) in ``unit``, in the recording's frame.
        n_frames: (clip,) frames of each clip.
        rate_hz: camera rate.
        clip_names: one name per clip, unique.
        files: where each clip came from.
        origin: free text; ``synthetic`` for data that the project made itself.
        confidence: (clip, frame, keypoint) the tracker's trust in each position, 0 to 1; None if it gave none.
        unit: ``m``, ``cm``, ``mm`` or ``um``; empty where the file does not tell. A registration gets metres.
        remarks: what a reader left out of a file or took for granted.
    """

    KIND: ClassVar[str] = "keypoints"

    names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    positions: np.ndarray = array(("clip", "frame", "keypoint", "xyz"), "as attribute unit says")
    n_frames: np.ndarray = array(("clip",), "frame")
    rate_hz: float = value(converter=float)
    clip_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    files: tuple[str, ...] = value(default=(), type=tuple[str, ...], converter=tuple)
    origin: str = value(default="")
    confidence: np.ndarray | None = array(("clip", "frame", "keypoint"), "1", optional=True)
    unit: str = value(default="m")
    remarks: tuple[str, ...] = value(default=(), type=tuple[str, ...], converter=tuple)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.unit and self.unit not in METRES_PER:
            raise DataError(
                f"Keypoints.unit: {self.unit!r} is no unit; give one of {', '.join(METRES_PER)}, or '' if unknown"
            )

    @classmethod
    def from_clips(
        cls,
        clips: Sequence[np.ndarray],
        *,
        names: Sequence[str],
        rate_hz: float,
        clip_names: Sequence[str],
        files: Sequence[str] = (),
        origin: str = "",
        confidence: Sequence[np.ndarray] | None = None,
        unit: str = "m",
    ) -> Keypoints:
        """Stack clips (frames, keypoints, 3) of different lengths, and their confidences, into padded arrays.

        Raises:
            DataError: there is no clip.
        """
        if not clips:
            raise DataError("no clips: give at least one keypoint file")
        n_frames = np.array([len(c) for c in clips])
        return cls(
            names=tuple(names),
            positions=_padded(clips, (len(names), 3)),
            n_frames=n_frames,
            rate_hz=rate_hz,
            clip_names=_unique(clip_names),
            files=tuple(files),
            origin=origin,
            confidence=None if confidence is None else _padded(confidence, (len(names),)),
            unit=unit,
        )

    @classmethod
    def from_array(
        cls,
        positions: np.ndarray,
        names: Sequence[str],
        rate_hz: float,
        unit: str = "m",
        confidence: np.ndarray | Sequence[np.ndarray] | None = None,
        clip_names: Sequence[str] | None = None,
    ) -> Keypoints:
        """Take positions from memory.

        Args:
            positions: (frame, keypoint, xyz), or (clip, frame, keypoint, xyz), in ``unit``; NaN is missing.
            names: keypoint names, in the order of the array.
            rate_hz: camera rate.
            unit: as in `Keypoints`.
            confidence: 0 to 1, the shape of ``positions`` without its last axis.
            clip_names: one per clip; default ``clip1``, ``clip2``, …

        Raises:
            DataError: the array has another shape, or no frames.
        """
        positions = np.asarray(positions, float)
        clips = positions[None] if positions.ndim == 3 else positions
        if clips.ndim != 4 or clips.shape[2:] != (len(names), 3) or not (clips.shape[0] and clips.shape[1]):
            raise DataError(
                f"array of shape {positions.shape}: expected (frames, {len(names)}, 3) or (clips, frames, "
                f"{len(names)}, 3) for the {len(names)} names; transpose it, or correct the names"
            )
        if confidence is not None:
            confidence = np.asarray(confidence, float)
            if confidence.shape != positions.shape[:-1]:
                raise DataError(
                    f"confidence of shape {confidence.shape}: expected {positions.shape[:-1]}, one number for each "
                    "position; transpose it"
                )
            confidence = list(confidence.reshape(clips.shape[:-1]))
        return cls.from_clips(
            list(clips),
            names=names,
            rate_hz=rate_hz,
            clip_names=clip_names or [f"clip{i + 1}" for i in range(len(clips))],
            confidence=confidence,
            unit=unit,
        )

    def clips(self) -> list[np.ndarray]:
        """Return the clips as a list of (frames, keypoints, 3) arrays without padding."""
        return [p[:n] for p, n in zip(self.positions, self.n_frames, strict=True)]


def _padded(clips: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    out = np.full((len(clips), max(map(len, clips)), *shape), np.nan)
    for i, clip in enumerate(clips):
        out[i, : len(clip)] = clip
    return out


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return tuple(out)
