"""Records of a task: weighted terms, running episodes, what the policy sees, and the outcome of a control step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import attrs
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray, UInt32

from mimic_core.physics.simulator import SimState
from mimic_core.task.step import Term

Drive = Float[Array, "batch actuator"]
"""An action, an excitation or an activation of each environment."""
Counts = Int[Array, " batch"]
"""A clip or a control step of each environment."""
EpisodeKeys = UInt32[Array, "batch n"]
"""A random key of each environment's episode, as plain numbers that a checkpoint can hold."""


@attrs.frozen
class WeightedTerm:
    """A reward term with its weight; the weight of a cost is negative.

    Attributes:
        rebuilt: ``rebuilt(settings) -> WeightedTerm`` makes the same term with some settings (``weight`` among them)
            replaced, which may be traced values of a compiled program.
    """

    name: str
    weight: float
    term: Term
    units: str = "1"
    rebuilt: Callable[[Mapping[str, Any]], WeightedTerm] | None = attrs.field(default=None, repr=False, eq=False)
    cost: bool = False


class Starts(NamedTuple):
    """The instants at which episodes may begin."""

    table: Any
    """(start, 2) int, clip and control step; entries from ``count`` on are padding"""
    count: Any
    """() int, how many starts there are"""

    @classmethod
    def of(cls, n_steps: Int[np.ndarray, " clip"], clips: Int[np.ndarray, " chosen"], padded_to: int = 0) -> Starts:
        """Return the instants of the chosen ``clips`` that a control step follows; clips have ``n_steps`` instants."""
        left = n_steps[clips] - 1
        pairs = np.concatenate(
            [np.stack([np.full(n, c), np.arange(n)], axis=1) for c, n in zip(clips, left, strict=True)]
        )
        return cls(np.pad(pairs, ((0, max(padded_to - len(pairs), 0)), (0, 0))), len(pairs))

    def drawn(
        self, key: PRNGKeyArray, before: Float[Array, " batch"], n_steps: Int[Array, " clip"], left: int, lead: int
    ) -> tuple[Counts, Counts]:
        """Return clip and control step of episodes, see `Task.reset`; ``before`` is uniformly random in [0, 1)."""
        start = jnp.asarray(self.table)[jax.random.randint(key, before.shape, 0, self.count)]
        clip = start[:, 0]
        last = n_steps[clip] - 1
        early = jnp.minimum(lead, last)
        step = jnp.where(before * (last + early) < early, 0, start[:, 1])
        return clip, jnp.minimum(step, jnp.maximum(last - left, 0))


class TaskState(NamedTuple):
    """A batch of running episodes."""

    sim: SimState
    clip: Array
    """(batch,) index of the clip imitated"""
    step: Array
    """(batch,) control steps since the clip's start"""
    excitation: Array
    """(batch, actuator) that reached the actuators in the step that led here"""
    memory: Mapping[str, Any]
    """memory of each reward term by its name; arrays have a leading axis batch"""
    sensed: Any = ()
    """field of a `StepView` → (batch, sensory delay + 1, …), the last instants of the body, oldest first; () without a
    delay"""
    pending: Any = ()
    """(batch, motor delay, actuator) excitation on its way, the next to arrive first; () without a delay"""
    noise_key: Any = ()
    """(batch, n) random key of each episode's noise; () where it has none"""


class Observation(NamedTuple):
    """What the policy sees."""

    reference: Array
    """(batch, n) what is to be done"""
    proprioception: Array
    """(batch, m) the body's own state"""


class Outcome(NamedTuple):
    """The outcome of one control step."""

    reward: Array
    """(batch,) Σ weight·term"""
    terms: Mapping[str, Array]
    """unweighted terms by name, each (batch,)"""
    terminated: Array
    """(batch,) True where an episode failed"""
    truncated: Array
    """(batch,) True where its clip ended"""
