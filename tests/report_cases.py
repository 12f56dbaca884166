"""A run directory with rollouts that a report can replay."""

from __future__ import annotations

from pathlib import Path

import attrs
from playback_cases import rollouts_of
from toys import make_clips

from mimic_core import BodyModel, Rollouts
from mimic_core.files import write_json


def toy_rollouts(plugins, model: BodyModel, **changes) -> Rollouts:
    """Six clips of the toy arm, the first one trained on; the movement is not quite the reference."""
    frames = (40, 40, 40, 40, 40, 50)
    moved, asked = make_clips(model, frames), make_clips(model, frames, seed=1)
    return attrs.evolve(rollouts_of(plugins, model, moved, asked), body=model.body, **changes)


def run_folder(folder: Path, rollouts: Rollouts | None, stages: list[dict] | None = None) -> Path:
    """A run that holds rollouts."""
    if rollouts is not None:
        rollouts.save(folder / "rollouts.h5")
    stage = {"name": "rollout", "status": "done", "command": "mimic rollout train", "outputs": {"out": "rollouts.h5"}}
    write_json(folder / "manifest.json", {"title": "Toy", "stages": [stage, *(stages or [])]})
    return folder
