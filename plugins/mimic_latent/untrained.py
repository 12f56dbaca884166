"""What a network of the same shape holds before it has learned anything, at the inputs that the trained one saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from mimic_core import DataError, Plugins, Rollouts
from mimic_core.chain import TrainedRun, roll_out
from mimic_core.control import Controller, Decision

LARGEST_DIFFERENCE_RAD = 0.02
"""between two rollouts of one controller, of which rounding on another machine is the only cause"""


def untrained(folders: Sequence[Path], rollouts: Sequence[Rollouts], plugins: Plugins) -> list[Rollouts | None]:
    """Return for each of ``rollouts`` the same movement with the records of the untrained network; None without a run.

    Raises:
        DataError: a training is of none of the rollouts, or its clips are others.
    """
    runs = [TrainedRun.open(folder, plugins) for folder in folders]
    for run in runs:
        if not any(r.training == run.training for r in rollouts):
            raise DataError(
                f"{run.folder}: none of the rollouts is of this training, so that its untrained network is none of "
                "theirs; give the folder that they were made with, or leave it out"
            )
    of = [next((run for run in runs if r.training == run.training), None) for r in rollouts]
    return [None if run is None else _beside(run, r) for run, r in zip(of, rollouts, strict=True)]


def _beside(run: TrainedRun, rollouts: Rollouts) -> Rollouts:
    """Roll the trained controller out once more, while the untrained one sees what it sees and is recorded."""
    import jax

    run = run.on(simulator=rollouts.simulator)
    if run.clips.clip_names != rollouts.clip_names:
        raise DataError(
            f"{run.folder}: the rollouts are of other clips than those of the run; roll out the run's own clips, or "
            "leave the training out"
        )
    if rollouts.perturbation is not None:
        raise DataError("rollouts: were disturbed, so that the untrained network's inputs are unknown; leave it out")
    trained = run.controller(rollouts.checkpoint or "last")
    fresh = run.trainer.controller(jax.jit(run.trainer.initial)(run.plan.seed))
    beside = watched(trained, fresh)
    made = roll_out(run.task, beside, split=list(run.split), simulator=run.engine.name, seed=rollouts.seed)
    apart = float(np.nanmax(np.abs(made.joint_pos - rollouts.joint_pos)))
    if made.joint_pos.shape != rollouts.joint_pos.shape or apart > LARGEST_DIFFERENCE_RAD:
        raise DataError(
            f"{run.folder}: its controller moves otherwise than in the rollouts (joint angles differ by up to "
            f"{np.rad2deg(apart):.2g} deg); roll it out again, or leave the training out"
        )
    return attrs.evolve(rollouts, record=made.record)


def watched(acting: Controller, watching: Controller) -> Controller:
    """Return a controller that does what ``acting`` decides and records what ``watching`` would have thought of it."""

    def act(variables: Any, observation: Any, carry: Any, key: Any) -> Decision:
        (mine, others), (memory, other_memory) = variables, carry
        decision = acting.act(mine, observation, memory, key)
        thought = watching.act(others, observation, other_memory, None)
        return Decision(decision.action, (decision.carry, thought.carry), thought.record)

    def start(batch: int) -> Any:
        return acting.start(batch), watching.start(batch)

    return Controller(variables=(acting.variables, watching.variables), start=start, act=act)
