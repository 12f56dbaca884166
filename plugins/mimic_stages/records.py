"""Kinds of record that the chain's stages write and read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import h5py

from mimic_core import Calibration, Emg, Keypoints, RecordSpec, ReferenceClips, Rollouts
from mimic_core.records import open_hdf5


def specs() -> Iterator[RecordSpec]:
    """Kinds of record that the core has classes for, and folders that stages write."""
    for cls, made_by, summary in (
        (Keypoints, "mimic generate", "3D keypoints, as tracked"),
        (ReferenceClips, "mimic register", "registered movements"),
        (Calibration, "mimic register --save-calibration", "an animal's body, fitted once"),
        (Rollouts, "mimic rollout", "what a controller did, clip by clip"),
        (Emg, "mimic emg", "envelopes of recorded muscles"),
    ):
        yield RecordSpec(name=cls.KIND, build=cls.load, made_by=made_by, summary=summary)
    yield RecordSpec(
        name="perturbed",
        build=Rollouts.load,
        made_by="mimic rollout --perturb",
        special=Rollouts.KIND,
        holds=_perturbed,
        summary="rollouts of a controller that was disturbed",
    )
    yield RecordSpec(
        name="training",
        build=Path,
        made_by="mimic train",
        holds=lambda path: (path / "run.json").is_file(),
        summary="the folder of a training",
    )
    yield RecordSpec(
        name="run",
        build=Path,
        made_by="mimic run",
        holds=lambda path: (path / "manifest.json").is_file(),
        summary="the folder of a run file's run",
    )


def _perturbed(path: Path) -> bool:
    """Whether a file holds rollouts of a controller that was disturbed."""
    if not path.is_file() or not h5py.is_hdf5(path):
        return False
    with open_hdf5(path) as f:
        told = f.attrs.get("perturbation", "null") if f.attrs.get("mimic_kind") == Rollouts.KIND else "null"
        return json.loads(told) is not None
