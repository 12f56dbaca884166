"""How much better an action was than expected, and what a critic of values is trained towards."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


def generalised_advantages(
    rewards: Float[Array, "time env"],
    values: Float[Array, "time env"],
    final_values: Float[Array, "time env"],
    terminated: Array,
    ended: Array,
    discount: float | Array,
    lam: float | Array,
) -> tuple[Float[Array, "time env"], Float[Array, "time env"]]:
    """Return advantages and value targets (Schulman et al. 2016, equation 16).

    δ_t = r_t + γ·V(s') − V(s_t), with V(s') = 0 where the episode failed; A_t = δ_t + γλ·A_{t+1}, cut where
    an episode ended. ``final_values`` are V(s') of the state that each step really led to, so that the end of a
    clip is not mistaken for a failure.
    """
    deltas = rewards + discount * jnp.where(terminated, 0.0, final_values) - values

    def back(later, x):
        delta, ended = x
        advantage = delta + discount * lam * jnp.where(ended, 0.0, later)
        return advantage, advantage

    _, advantages = jax.lax.scan(back, jnp.zeros_like(rewards[0]), (deltas, ended), reverse=True)
    return advantages, advantages + values
