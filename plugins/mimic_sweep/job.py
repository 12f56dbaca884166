"""One job of a sweep, in whatever process an executor runs it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mimic_core import MimicError, Plugins, Rollouts, TrainingError, hookimpl, to_json, write_json
from mimic_core.chain import installed, stages

SUMMARY = "summary.json"
"""written last into the folder of a run: it says that the run is finished"""


class _Tell:
    """Keeps a job's newest progress in a file, for whoever waits for the job, on whatever machine."""

    EVERY_S = 1.0

    def __init__(self, path: Path) -> None:
        self._path, self._last = path, 0.0

    @hookimpl
    def mimic_stage_started(self, stage: str) -> None:
        print(f"mimic: {stage}")  # into the job's log

    @hookimpl
    def mimic_progress(self, stage: str, done: float, total: float, metrics: Mapping[str, float]) -> None:
        if stage == "train" and time.monotonic() - self._last > self.EVERY_S:
            self._last = time.monotonic()
            write_json(self._path, {"done": done, "total": total, "metrics": metrics})


def run_job(data: Mapping[str, Any]) -> None:
    """Train the runs of a job, measure each, and say in its folder that it is finished."""
    from mimic_core.trainer import prepare_jax

    prepare_jax()
    plugins = installed()
    for file in data["plugins"]:
        if Path(file) not in plugins.files:
            plugins.load_file(file)
    plugins = plugins.preferring(data["prefer"])
    tell = _Tell(Path(data["progress"]))
    plugins.manager.register(tell)
    try:
        _work(plugins, data)
    finally:
        plugins.manager.unregister(tell)


def _work(plugins: Plugins, data: Mapping[str, Any]) -> None:
    together, failed = _train_together(plugins, data["clips"], data["runs"]), []
    for r in data["runs"]:
        out = Path(r["out"])
        try:
            trained = together.get(r["name"]) or stages.train(plugins, data["clips"], out=out, given=r["given"])
            metrics = {"train": trained, **_measure(plugins, out, data["rollout"], data["analyze"])}
        except MimicError as e:  # is not to cost the other runs
            failed.append(f"{r['name']}: {e}")
        else:
            write_json(out / SUMMARY, {"trained": r["trained"], "measured": r["measured"], "metrics": metrics})
    if failed:
        raise TrainingError("; ".join(failed))


def _train_together(plugins: Plugins, clips: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Train several runs as one program; where that fails none, since one at a time shows which of them fails."""
    if len(runs) == 1:
        return {}
    try:
        summaries = stages.train_together(
            plugins, clips, outs=[Path(r["out"]) for r in runs], given=[r["given"] for r in runs]
        )
    except MimicError as e:
        print(f"mimic: {len(runs)} runs as one program: {e}; going on one by one")
        return {}
    return {r["name"]: summary for r, summary in zip(runs, summaries, strict=True)}


def _measure(
    plugins: Plugins, run_folder: Path, rollout: Mapping[str, Any] | None, measures: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    if rollout is None:
        return {}
    file = run_folder / "rollouts.h5"
    found = {"rollout": stages.rollout(plugins, run_folder, out=file, **rollout) | {"terms": _terms(file)}}
    for m in measures:
        target = run_folder / "analysis" / m["label"]
        found[m["label"]] = stages.analyze(
            plugins, m["analysis"], file, *m["beside"], out=target, settings=m["settings"]
        )
    return found


def _terms(file: Path) -> dict[str, float]:
    """Mean of every reward term, unweighted, over the held-out clips (all, where none is)."""
    rollouts = Rollouts.load(file)
    held = np.array(rollouts.split) == "held_out"
    clips = held if held.any() else ~held
    return to_json({name: np.nanmean(term[clips]) for name, term in rollouts.reward_terms.items()})
