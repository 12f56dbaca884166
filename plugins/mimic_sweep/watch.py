"""Waiting for the jobs of a sweep, and telling how far they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mimic_core import Context, Job, Outcome, Plugins, TrainingError
from mimic_core.chain import Events


def follow(context: Context, outcomes: Iterator[Outcome | None], jobs: Sequence[Job], trainings: int) -> dict[str, str]:
    """Tell the event hooks how far all jobs are, and each that has begun.

    Args:
        trainings: how many there are, the finished ones of earlier calls included.

    Returns:
        name of each training of a failed job → why it failed.
    """
    going, errors = {job.name: _Watched(context.plugins, job) for job in jobs}, {}
    finished = trainings - sum(w.trainings for w in going.values())
    for outcome in outcomes:
        if outcome is not None:
            watched = going.pop(outcome.job.name)
            watched.end(outcome.error)
            if outcome.error:
                names = [t["name"] for t in outcome.job.data["trainings"]]
                errors |= {name: outcome.error.removeprefix(f"{name}: ") for name in names}
            else:
                finished += watched.trainings
        share = sum(w.look() * w.trainings for w in going.values())
        counts = {"finished": finished, "failed": len(errors), "measuring": sum(w.measuring for w in going.values())}
        context.progress(finished + share, trainings, counts)
    return errors


MEASURING = 0.25
"""Share of a job that rollouts and analyses count as, where there are any: they come after all of its training."""


class _Watched:
    """A job that is waited for.

    Attributes:
        trainings: that it does.
        measuring: how many of them are trained, and now rolled out and analysed.
    """

    def __init__(self, plugins: Plugins, job: Job) -> None:
        self.trainings, self.measuring = len(job.data["trainings"]), 0
        self._after = MEASURING if job.data.get("rollout") is not None else 0.0
        self._plugins, self._job, self._file = plugins, job, Path(job.data["progress"])
        self._events: Events | None = None
        self._said: dict[str, Any] | None = None

    def look(self) -> float:
        """Pass on what the job said last, if that is new; return the share of it that is done."""
        try:
            said = json.loads(self._file.read_text())
        except FileNotFoundError:
            return 0.0
        if said != self._said:
            self._said = said
            self._events = self._events or Events(self._plugins, self._job.name, {"trainings": self.trainings})
            metrics = {k: v for k, v in said["metrics"].items() if v is not None}
            if said["done"] >= said["total"] and self._after:
                metrics["measured"] = said.get("measured", 0.0)
            self._events.progress(said["done"], said["total"], metrics)
        trained = said["done"] / max(said["total"], 1e-12)
        self.measuring = self.trainings if trained >= 1.0 and self._after else 0
        return (1.0 - self._after) * trained + self._after * said.get("measured", 0.0)

    def end(self, error: str | None) -> None:
        """Tell that the job ended."""
        self._file.unlink(missing_ok=True)
        if self._events is None:
            return
        if error:
            self._plugins.manager.hook.mimic_stage_failed(stage=self._job.name, error=TrainingError(error))
        else:
            self._events.finish({"trainings": self.trainings})
