"""Tasks that break just what one check of the kit looks for."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from mimic_core import Goal, TaskSpec


def _task(goal: Goal, **more) -> TaskSpec:
    return TaskSpec(name="mine", summary="a test", build=lambda config, model: goal, **more)


TASKS = {
    "settings and terms": _task(Goal(), success="mine"),
    "episodes": _task(Goal(episodes=lambda clips: (clips, np.zeros(1, int)))),
    "push": _task(Goal(push=lambda step: jnp.zeros(6))),
}
"""Check → a task that it finds."""
