"""A critic that says which way the worth of a state slopes, and learns it by its own steps.

A gradient through the physics needs no value of the state that a segment ends in, but its slope: what the rest of the
episode would gain by another position, velocity or activation there (the costate of optimal control). The backward pass
through a segment finds that slope for every state on the way, so a critic can learn it as it is (dual heuristic
programming, Werbos 1992; value-gradient learning, Fairbank & Alonso 2012, arXiv 1101.0428). The slope of a network
that has learned values may point anywhere, however near the values are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from mimic_bottleneck.network import Bottleneck
from mimic_core.physics import SimState
from mimic_core.task import Observation

_MINIBATCHES = 4
"""per pass over a lesson (Xu et al. 2022, appendix)"""
_REMEMBERED = 0.98
"""share of the slopes' size that one lesson leaves as it was"""


class Lesson(NamedTuple):
    """What a critic is to learn."""

    seen: Observation
    """normalised, each (time, env, n)"""
    slopes: Float[Array, "time env state"]
    """of the worth of what follows, by each number of `as_numbers`"""


class CriticState(NamedTuple):
    """What a critic carries from lesson to lesson, beside the network."""

    optimizer: optax.OptState
    size: Float[Array, " state"]
    """root mean square of the slopes, a running geometric mean; 0 before the first lesson"""


def as_numbers(sim: SimState) -> Float[Array, "batch state"]:
    """Return what the physics carries on: qpos, qvel and activation."""
    return jnp.concatenate([sim.qpos, sim.qvel, sim.activation], axis=-1)


def moved(sim: SimState, by: Float[Array, "batch state"]) -> SimState:
    """Return the state with something added to its numbers."""
    parts = jnp.split(by, [sim.qpos.shape[-1], sim.qpos.shape[-1] + sim.qvel.shape[-1]], axis=-1)
    return sim._replace(qpos=sim.qpos + parts[0], qvel=sim.qvel + parts[1], activation=sim.activation + parts[2])


class Critic:
    """Fits the critic of a network to slopes, and leaves the rest of the network alone.

    Its gradient is not clipped together with the policy's, which is smaller by orders of magnitude while the critic
    knows nothing yet. The network says slopes in units of their size, which differs by orders of magnitude between
    positions and activations, and errors count by their Huber loss: a slope through a contact may be very large.

    Args:
        network: that has the critic.
        learning_rate: of Adam.
        passes: over each lesson, in minibatches drawn anew.
    """

    def __init__(self, network: Bottleneck, learning_rate: float | Array, passes: int) -> None:
        self._network, self._passes = network, passes
        self._optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(learning_rate))

    def begin(self, params: Any) -> CriticState:
        """Return the state before the first lesson."""
        size = jnp.zeros(self._network.critic_size)
        return CriticState(self._optimizer.init(params["params"]["critic"]), size)

    def slopes(self, params: Any, state: CriticState, seen: Observation) -> Float[Array, "*batch state"]:
        """Return the slope of the worth of states of which ``seen`` is observed."""
        return state.size * self._network.apply(params, *seen, method="judge")

    @staticmethod
    def _size(known: Float[Array, " state"], found: Float[Array, " state"]) -> Float[Array, " state"]:
        """The running mean; a lesson in which nothing depends on a number says nothing about it."""
        mean = known**_REMEMBERED * found ** (1.0 - _REMEMBERED)
        return jnp.where(found > 0, jnp.where(known > 0, mean, found), known)

    def learn(self, params: Any, state: CriticState, lesson: Lesson, key: Array) -> tuple[Any, CriticState, Array]:
        """Return the network's parameters and the critic's state after a lesson, and its mean Huber loss."""
        size = self._size(state.size, jnp.sqrt((lesson.slopes**2).mean(axis=(0, 1))))
        rows = jax.tree.map(
            lambda a: a.reshape(-1, a.shape[-1]), lesson._replace(slopes=lesson.slopes / jnp.maximum(size, 1e-12))
        )
        count = rows.slopes.shape[0]
        batch = max(1, count // _MINIBATCHES)

        def error(critic: Any, part: Lesson) -> Array:
            own = {"params": {**params["params"], "critic": critic}}
            return optax.huber_loss(self._network.apply(own, *part.seen, method="judge"), part.slopes).mean()

        def minibatch(carry, pick):
            critic, optimizer = carry
            loss, gradient = jax.value_and_grad(error)(critic, jax.tree.map(lambda a: a[pick], rows))
            updates, optimizer = self._optimizer.update(gradient, optimizer, critic)
            return (optax.apply_updates(critic, updates), optimizer), loss

        def one_pass(carry, key):
            # what does not fill a minibatch is left out of this pass, others of the next
            order = jax.random.permutation(key, count)[: count // batch * batch].reshape(-1, batch)
            return jax.lax.scan(minibatch, carry, order)

        begin = (params["params"]["critic"], state.optimizer)
        (critic, optimizer), losses = jax.lax.scan(one_pass, begin, jax.random.split(key, self._passes))
        taught = {"params": {**params["params"], "critic": critic}}
        return taught, CriticState(optimizer, size), jnp.mean(losses)
