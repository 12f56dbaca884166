"""Reading keypoint files: choosing the reader, checking what it hands over, joining the files of one animal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mimic_core import DataError, Keypoints, Plugins, ReaderSpec, blaming, structure
from mimic_recordings.checking import checked, join


def read_keypoints(
    paths: Sequence[str | Path], plugins: Plugins, reader: str | None = None, settings: dict[str, Any] | None = None
) -> Keypoints:
    """Read keypoint files of one animal and join them into one set of clips; see `mimic_recordings.checked`.

    Raises:
        DataError: no files, a missing file, a format no reader accepts, or files that do not agree.
    """
    return join([part for part, _ in read_recordings(paths, plugins, reader, settings)])


def read_recordings(
    paths: Sequence[str | Path], plugins: Plugins, reader: str | None = None, settings: dict[str, Any] | None = None
) -> list[tuple[Keypoints, list[str]]]:
    """Return the keypoints of each file, checked, and remarks on what was found in it.

    Raises:
        DataError: no files, a missing file, a format no reader accepts, or one that holds what cannot be.
    """
    if not paths:
        raise DataError("no keypoint files given; name at least one, e.g. mimic register trial*.h5 --body NAME")
    parts = []
    for path in map(Path, paths):
        if not path.is_file():
            raise DataError(f"{path}: no such file; check the path")
        spec = plugins.get("reader", reader) if reader else _choose(path, plugins)
        read = spec.build(structure(settings or {}, spec.config, f"reader.{spec.name}"))
        with blaming(f"the reader {spec.name} cannot read it; export it again", path):
            part = read(path)
        if not part.n_frames.size or not part.n_frames.all():
            raise DataError(f"{path}: holds no frames; export it again")
        parts.append(checked(part, path))
    return parts


def _choose(path: Path, plugins: Plugins) -> ReaderSpec:
    known = plugins.all("reader")
    fitting = [r for r in known if path.suffix.lower() in r.suffixes]
    if not fitting:
        endings = sorted({s for r in known for s in r.suffixes})
        raise DataError(
            f"{path}: no reader for {path.suffix or 'a file without ending'!r}; known endings: {', '.join(endings)}"
        )
    for spec in fitting:
        with blaming(f"the reader {spec.name} cannot tell whether it is one of its files; export it again", path):
            if spec.accepts(path):
                return spec
    raise DataError(
        f"{path}: none of the readers for {path.suffix} files ({', '.join(r.name for r in fitting)}) "
        f"recognises it; expected {' or '.join(r.summary for r in fitting)}"
    )
