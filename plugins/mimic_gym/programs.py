"""The compiled programs behind the environments."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from mimic_core import Outcome
from mimic_core.task import Observation, Task, TaskState


@lru_cache(maxsize=4)
def programs(task: Task) -> Programs:
    """Return the programs of a task; environments over one task share them, and compile once."""
    return Programs(task)


class Programs:
    """Functions of a batch of episodes, each compiled once for a batch size. Observations are flat, see `flatten`."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self.begin = jax.jit(self._begin, static_argnames="batch")
        self.begin_at = jax.jit(self._begin_at)
        self.step = jax.jit(self._step)
        self.step_and_restart = jax.jit(self._step_and_restart)
        self.restart_or_step = jax.jit(self._restart_or_step)

    def _see(self, state: TaskState) -> Array:
        return flatten(self._task.observe(state))

    def _begin(self, key: Array, batch: int) -> tuple[TaskState, Array]:
        # an episode of a single step would tell nothing of what follows it
        state = self._task.reset(key, batch, steps_left=2)
        return state, self._see(state)

    def _begin_at(self, clip: Array, step: Array) -> tuple[TaskState, Array]:
        state = self._task.reset_at(clip, step)
        return state, self._see(state)

    def _step(self, state: TaskState, action: Array) -> tuple[TaskState, Array, Outcome]:
        # outside the bounds of its space an action would excite a muscle by more than all or less than nothing
        after, outcome = self._task.step(state, jnp.clip(action, -1.0, 1.0))
        return after, self._see(after), outcome

    def _step_and_restart(self, key: Array, state: TaskState, action: Array) -> tuple[Any, ...]:
        """Begin anew in the very step that ends an episode; also return what was seen, and where, before that."""
        after, final, outcome = self._step(state, action)
        fresh = self._task.restart(key, after, outcome.terminated | outcome.truncated)
        return fresh, self._see(fresh), outcome, (final, after.clip, after.step)

    def _restart_or_step(self, key: Array, state: TaskState, action: Array, over: Array) -> tuple[Any, ...]:
        """Begin anew where the last step ended an episode; that takes the place of the step and of its outcome."""
        after, _, outcome = self._step(state, action)
        after = self._task.restart(key, after, over)
        outcome = jax.tree.map(lambda a: jnp.where(over, jnp.zeros_like(a), a), outcome)
        return after, self._see(after), outcome


def flatten(observation: Observation) -> Array:
    """(batch, n) float32: the reference to follow, then the body's own state."""
    return jnp.concatenate(observation, axis=-1).astype(jnp.float32)


def sizes(task: Task) -> dict[str, int]:
    """Length of each part of an observation, in the order of `flatten`."""
    shapes = jax.eval_shape(lambda key: task.observe(task.reset(key, 1)), jax.random.key(0))
    return {name: part.shape[-1] for name, part in shapes._asdict().items()}
