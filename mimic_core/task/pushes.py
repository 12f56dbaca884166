"""What pushes the bodies of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from mimic_core.physics.simulator import SimState
from mimic_core.task.state import TaskState
from mimic_core.task.step import StepView, Term

PUSH = "task.push"
"""Where the memory of a task's push stands, beside that of the reward terms; no term is called so."""


def pushed_by(push: Term, state: TaskState, view: StepView) -> tuple[SimState, Mapping[str, Any]]:
    """Return the bodies with a push added to what pushes them already, and the memory after it."""
    memory, force = jax.vmap(push.step)(state.memory[PUSH], view)
    already = state.sim.force
    force = force if isinstance(already, tuple) else force + already
    return state.sim._replace(force=force), {**state.memory, PUSH: memory}
