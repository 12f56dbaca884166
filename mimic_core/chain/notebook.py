"""The chain from a notebook: what the commands do, with records in and records out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from mimic_core.chain.do import do
from mimic_core.chain.installed import installed
from mimic_core.chain.trained_run import TrainedRun
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.keypoints import Keypoints
from mimic_core.records.storage import Record

R = TypeVar("R", bound=Record)


def register(files: Keypoints | str | Path | Sequence[str | Path], **settings: Any) -> ReferenceClips:
    """Fit a body to keypoints, as ``mimic register`` does.

    Args:
        files: of one animal, patterns among them; or keypoints in memory.
        settings: as in a run file's ``[register]``, and ``body``; ``out`` keeps the file of the clips.
    """
    if isinstance(files, Keypoints):
        return done("register", ReferenceClips, keypoints=files, **settings)
    several = [files] if isinstance(files, (str, Path)) else files
    return done("register", ReferenceClips, files=[str(file) for file in several], **settings)


def train(clips: ReferenceClips | str | Path, out: str | Path, **settings: Any) -> TrainedRun:
    """Train a controller into the folder ``out``, or go on there, as ``mimic train`` does; settings as ``[train]``."""
    done("train", None, clips=clips, out=out, **settings)
    return TrainedRun.open(out)


def done(stage: str, kind: type[R] | None, out: str | Path | None = None, **table: Any) -> Any:
    """Do a stage whose inputs may be records; return the record of that kind that it wrote, or else its summary."""
    with TemporaryDirectory() as folder:
        for key, v in table.items():
            if isinstance(v, Record):
                table[key] = v.save(Path(folder) / f"{key}.h5")
        path = Path(out) if out else Path(folder) / "made.h5"
        summary = do(installed(), stage, out=path, **table)
        return kind.load(path) if kind else summary
