"""A critic that learns beside a policy, by its own steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from mimic_bottleneck.network import Bottleneck
from mimic_core.task import Observation

_MINIBATCHES = 4
"""per pass over a lesson (Xu et al. 2022, appendix)"""


class Lesson(NamedTuple):
    """What a critic is to learn."""

    seen: Observation
    """normalised, each (time, env, n)"""
    targets: Float[Array, "time env"]


class Critic:
    """Fits the critic of a network to targets, and leaves the rest of the network alone.

    Its gradient is not clipped together with the policy's, which is smaller by orders of magnitude while the critic
    knows nothing yet.

    Args:
        network: that has the critic.
        learning_rate: of Adam.
        passes: over each lesson, in minibatches drawn anew.
    """

    def __init__(self, network: Bottleneck, learning_rate: float | Array, passes: int) -> None:
        self._network, self._passes = network, passes
        self._optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(learning_rate))

    def begin(self, params: Any) -> Any:
        """Return the optimizer's state before the first lesson."""
        return self._optimizer.init(params["params"]["critic"])

    def learn(self, params: Any, state: Any, lesson: Lesson, key: Array) -> tuple[Any, Any, Array]:
        """Return the network's parameters and the optimizer's state after a lesson, and its ½ mean squared error."""
        rows = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), lesson)
        count = rows.targets.shape[0]
        size = max(1, count // _MINIBATCHES)

        def error(critic: Any, part: Lesson) -> Array:
            own = {"params": {**params["params"], "critic": critic}}
            values = self._network.apply(own, *part.seen, method="value")
            return 0.5 * ((values - part.targets) ** 2).mean()

        def minibatch(carry, pick):
            critic, state = carry
            loss, gradient = jax.value_and_grad(error)(critic, jax.tree.map(lambda a: a[pick], rows))
            updates, state = self._optimizer.update(gradient, state, critic)
            return (optax.apply_updates(critic, updates), state), loss

        def one_pass(carry, key):
            # what does not fill a minibatch is left out of this pass, others of the next
            order = jax.random.permutation(key, count)[: count // size * size].reshape(-1, size)
            return jax.lax.scan(minibatch, carry, order)

        begin = (params["params"]["critic"], state)
        (critic, state), losses = jax.lax.scan(one_pass, begin, jax.random.split(key, self._passes))
        return {"params": {**params["params"], "critic": critic}}, state, jnp.mean(losses)
