"""One job of a sweep, in whatever process an executor runs it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mimic_core import (
    Context,
    Inputs,
    MimicError,
    Plugins,
    Progress,
    ReferenceClips,
    Rollouts,
    StageSpec,
    TrainingError,
    hookimpl,
    to_json,
    write_json,
)
from mimic_core.chain import Events, asked, do, installed
from mimic_core.trainer import prepare_jax

SUMMARY = "summary.json"
"""written last into the folder of a training: it says that this one is finished"""


class _Tell:
    """Keeps a job's newest progress in a file, for whoever waits for the job, on whatever machine."""

    EVERY_S = 1.0

    def __init__(self, path: Path, measures: int = 0) -> None:
        """Begin.

        Args:
            measures: how many rollouts and analyses come after the trainings.
        """
        self._path, self._last, self._measures, self._measured = path, 0.0, measures, 0
        self._trained: dict[str, Any] = {"done": 0.0, "total": 1.0, "metrics": {}}

    @hookimpl
    def mimic_stage_started(self, stage: str) -> None:
        print(f"mimic: {stage}")  # into the job's log

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        if stage == "train":
            self._trained = {"done": done, "total": total, "metrics": dict(metrics)}
            if time.monotonic() - self._last > self.EVERY_S:
                self._write()

    @hookimpl
    def mimic_stage_finished(self, stage: str) -> None:
        if stage == "train":
            self._trained |= {"done": self._trained["total"]}
        else:
            self._measured += 1
        self._write()

    def _write(self) -> None:
        self._last = time.monotonic()
        write_json(self._path, {**self._trained, "measured": self._measured / max(self._measures, 1)})


def run_job(data: Mapping[str, Any]) -> None:
    """Do the trainings of a job, measure each, and say in its folder that it is finished."""
    prepare_jax()
    plugins = installed()
    for file in data["plugins"]:
        if Path(file) not in plugins.files:
            plugins.load_file(file)
    plugins = plugins.preferring(data["prefer"])
    measures = 0 if data["rollout"] is None else len(data["trainings"]) * (1 + len(data["analyze"]))
    tell = _Tell(Path(data["progress"]), measures)
    plugins.manager.register(tell)
    try:
        _work(plugins, data)
    finally:
        plugins.manager.unregister(tell)


def _work(plugins: Plugins, data: Mapping[str, Any]) -> None:
    together, failed = _train_together(plugins, data["clips"], data["trainings"]), []
    for t in data["trainings"]:
        out = Path(t["out"])
        try:
            trained = together.get(t["name"]) or do(plugins, "train", clips=data["clips"], out=out, **t["given"])
            metrics = {"train": trained, **_measure(plugins, out, data["rollout"], data["analyze"])}
        except MimicError as e:  # is not to cost the other trainings
            failed.append(f"{t['name']}: {e}")
        else:
            write_json(out / SUMMARY, {"trained": t["trained"], "measured": t["measured"], "metrics": metrics})
    if failed:
        raise TrainingError("; ".join(failed))


def _train_together(
    plugins: Plugins, clips: str, trainings: Sequence[Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """Train several as one program; where that fails none, since one at a time shows which of them fails."""
    if len(trainings) == 1:
        return {}
    outs, given = [Path(t["out"]) for t in trainings], [t["given"] for t in trainings]
    try:
        with Events(plugins, "train", {"together": len(trainings)}) as events:
            summaries = train_together(plugins, clips, outs=outs, given=given, progress=events.progress)
            events.finish({"out": [str(out) for out in outs]})
    except MimicError as e:
        print(f"mimic: {len(trainings)} trainings as one program: {e}; going on one by one")
        return {}
    return {t["name"]: summary for t, summary in zip(trainings, summaries, strict=True)}


def train_together(
    plugins: Plugins,
    clips: str,
    *,
    outs: Sequence[Path],
    given: Sequence[Mapping[str, Any]],
    progress: Progress,
) -> Sequence[Mapping[str, Any]]:
    """Have the stage `train` done several times as one piece of work; return a summary of each."""
    stage: StageSpec = plugins.get("stage", "train")
    options = [asked(stage, table, plugins, "train").options for table in given]
    contexts = [
        Context(plugins=plugins, out=out, progress=progress, seed=o.seed) for out, o in zip(outs, options, strict=True)
    ]
    return stage.together(options, Inputs({ReferenceClips.KIND: [Path(clips)]}), contexts)


def _measure(
    plugins: Plugins, folder: Path, rollout: Mapping[str, Any] | None, measures: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    if rollout is None:
        return {}
    file = folder / "rollouts.h5"
    found = {"rollout": do(plugins, "rollout", run=folder, out=file, **rollout) | {"terms": _terms(file)}}
    for m in measures:
        found[m["label"]] = do(
            plugins,
            "analyze",
            records=(file, *m["beside"]),
            out=folder / "analysis" / m["label"],
            label=m["label"],
            analysis=m["analysis"],
            **m["settings"],
        )
    return found


def _terms(file: Path) -> dict[str, float]:
    """Mean of every reward term, unweighted, over the held-out clips (all, where none is)."""
    rollouts = Rollouts.load(file)
    held = np.array(rollouts.split) == "held_out"
    clips = held if held.any() else ~held
    return to_json({name: np.nanmean(term[clips]) for name, term in rollouts.reward_terms.items()})
