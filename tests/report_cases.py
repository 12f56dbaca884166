"""A run directory with rollouts that a report can replay."""

from __future__ import annotations

from pathlib import Path

import attrs
from playback_cases import rollouts_of
from toys import make_clips

from mimic_core import BodyModel, Context, Plugins, Rollouts
from mimic_core.files import write_json
from mimic_report import Settings, build


def written(plugins: Plugins, run: Path, out: Path, **settings) -> Path:
    """Write the report of a run."""
    return build(Settings(**settings))(run, out, Context(plugins=plugins))


def entry(name: str, **more) -> dict:
    """A stage as the manifest has it: ``STAGE`` or ``STAGE.LABEL``, done."""
    stage, _, label = name.partition(".")
    return {"name": name, "stage": stage, "label": label, "status": "done", "options": {}, "summary": {}, **more}


def analysis(label: str, name: str, **more) -> dict:
    """The entry of an analysis of that name under a label of its own."""
    options = {"analysis": {"name": name, "settings": {}}}
    return entry(f"analyze.{label}", options=options, outputs={"out": f"analysis/{label}"}, **more)


def toy_rollouts(plugins, model: BodyModel, **changes) -> Rollouts:
    """Six clips of the toy arm, the first one trained on; the movement is not quite the reference."""
    frames = (40, 40, 40, 40, 40, 50)
    moved, asked = make_clips(model, frames), make_clips(model, frames, seed=1)
    return attrs.evolve(rollouts_of(plugins, model, moved, asked), body=model.body, **changes)


def run_folder(folder: Path, rollouts: Rollouts | None, stages: list[dict] | None = None) -> Path:
    """A run that holds rollouts."""
    if rollouts is not None:
        rollouts.save(folder / "rollouts.h5")
    stage = entry("rollout", command="mimic rollout train", outputs={"out": "rollouts.h5"})
    write_json(folder / "manifest.json", {"title": "Toy", "stages": [stage, *(stages or [])]})
    return folder
