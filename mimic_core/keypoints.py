"""3D keypoints as a lab records them, and how they come in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import numpy as np

from mimic_core.component import ComponentSpec
from mimic_core.errors import DataError
from mimic_core.storage import Record, array, value

if TYPE_CHECKING:
    from mimic_core.plugins import Plugins


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
    """

    KIND: ClassVar[str] = "keypoints"

    names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    positions: np.ndarray = array(("clip", "frame", "keypoint", "xyz"), "m")
    n_frames: np.ndarray = array(("clip",), "frame")
    rate_hz: float = value(converter=float)
    clip_names: tuple[str, ...] = value(type=tuple[str, ...], converter=tuple)
    files: tuple[str, ...] = value(default=(), type=tuple[str, ...], converter=tuple)
    origin: str = value(default="")
    confidence: np.ndarray | None = array(("clip", "frame", "keypoint"), "1", optional=True)
    unit: str = value(default="m")

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


@attrs.frozen(kw_only=True)
class ReaderSpec(ComponentSpec):
    """A reader of one file format. ``build(config) -> read`` with ``read(path) -> Keypoints`` in metres.

    Attributes:
        suffixes: file endings, with the dot, lower case.
        accepts: looks into a file with such an ending and says whether it is this format.
    """

    suffixes: tuple[str, ...]
    accepts: Callable[[Path], bool] = attrs.field(default=lambda path: True)


@attrs.frozen(kw_only=True)
class SourceSpec(ComponentSpec):
    """A maker of keypoints. ``build(config, model: BodyModel, seed: int) -> make`` with ``make() -> Keypoints``."""


def read_keypoints(
    paths: Sequence[str | Path], plugins: Plugins, reader: str | None = None, settings: dict[str, Any] | None = None
) -> Keypoints:
    """Read keypoint files of one animal and join them into one set of clips.

    Raises:
        DataError: no files, a missing file, a format no reader accepts, or files that do not agree.
    """
    from mimic_core.config import structure

    if not paths:
        raise DataError(
            "no keypoint files given; name at least one, e.g. mimic register trial*.h5 --body mouse_forelimb"
        )
    parts = []
    for path in map(Path, paths):
        if not path.is_file():
            raise DataError(f"{path}: no such file; check the path")
        spec = plugins.get("reader", reader) if reader else _choose(path, plugins)
        part = spec.build(structure(settings or {}, spec.config, f"reader.{spec.name}"))(path)
        if not part.n_frames.size or not part.n_frames.all():
            raise DataError(f"{path}: holds no frames; export it again")
        parts.append(part)
    return join(parts)


def _choose(path: Path, plugins: Plugins) -> ReaderSpec:
    known = plugins.all("reader")
    fitting = [r for r in known if path.suffix.lower() in r.suffixes]
    if not fitting:
        endings = sorted({s for r in known for s in r.suffixes})
        raise DataError(
            f"{path}: no reader for {path.suffix or 'a file without ending'!r}; known endings: {', '.join(endings)}"
        )
    for spec in fitting:
        if spec.accepts(path):
            return spec
    raise DataError(
        f"{path}: none of the readers for {path.suffix} files ({', '.join(r.name for r in fitting)}) "
        f"recognises it; expected {' or '.join(r.summary for r in fitting)}"
    )


def join(parts: Sequence[Keypoints]) -> Keypoints:
    """Join keypoint sets with the same rate; keypoints are matched by name regardless of case.

    Raises:
        DataError: rates differ, or a file lacks a keypoint that the first one has.
    """
    first = parts[0]
    order = [n.lower() for n in first.names]
    clips, names, files = [], [], []
    for part in parts:
        where = part.files[0] if part.files else part.clip_names[0]
        if not np.isclose(part.rate_hz, first.rate_hz, rtol=1e-3):
            raise DataError(
                f"{where}: {part.rate_hz:g} Hz, but {first.clip_names[0]} has {first.rate_hz:g} Hz; "
                "register recordings of different rates apart"
            )
        lower = [n.lower() for n in part.names]
        missing = [n for n in order if n not in lower]
        if missing:
            raise DataError(
                f"{where}: has no keypoint {missing[0]!r}, which {first.clip_names[0]} has; "
                "give files with the same keypoints"
            )
        pick = [lower.index(n) for n in order]
        clips += [c[:, pick] for c in part.clips()]
        names += part.clip_names
        files += part.files
    return Keypoints.from_clips(
        clips, names=first.names, rate_hz=first.rate_hz, clip_names=names, files=files, origin=first.origin
    )
