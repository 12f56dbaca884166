"""Trainings and rollouts without the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mimic_core.chain import TrainedRun
from mimic_core.records.training import Training
from mimic_core.trainer import Loop, LoopSettings, Member


def quiet(*_: Any) -> None:
    """Tell nobody."""


def no_error(_: Any) -> dict[str, float]:
    """An evaluation that measures nothing."""
    return {"tracking_mm": 0.0}


def run_loop(
    trainer: Any,
    directory: Path,
    evaluate: Callable[[Any], Mapping[str, float]] = no_error,
    progress: Callable[..., None] = quiet,
    *,
    seed: int = 0,
    settings: LoopSettings | None = None,
    training: Training | None = None,
) -> dict[str, Any]:
    """Train one policy and return the loop's summary; without ``settings`` those of the trainer's own count."""
    member = Member(directory=directory, seed=seed, training=training)
    settings = settings or LoopSettings.of(getattr(trainer, "config", None))
    return Loop(trainer, [member], lambda controller: [evaluate(controller)], progress, settings).run()[0]


def rolled_out(plugins, run: Path, out: Path, clips: Path | None = None, **how: Any):
    """Roll a trained run out, save it, and return the rollouts."""
    rollouts = TrainedRun.open(run, plugins).on(clips).roll_out(**how)
    rollouts.save(out)
    return rollouts
