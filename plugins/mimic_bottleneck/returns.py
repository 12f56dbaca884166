"""What a critic is trained towards, and how much better an action was than expected."""

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


def lambda_returns(
    rewards: Float[Array, "time env"],
    final_values: Float[Array, "time env"],
    terminated: Array,
    ended: Array,
    discount: float | Array,
    lam: float | Array,
) -> Float[Array, "time env"]:
    """Return TD(λ) targets (Sutton & Barto 2018, equation 12.18): G_t = r_t + γ·((1 − λ)·V(s') + λ·G_{t+1}).

    Where an episode ended, and at the end of the data, V(s') takes the place of G_{t+1}.
    """
    following = jnp.where(terminated, 0.0, final_values)

    def back(later, x):
        reward, value, ended = x
        ahead = jnp.where(ended, value, (1.0 - lam) * value + lam * later)
        target = reward + discount * ahead
        return target, target

    return jax.lax.scan(back, following[-1], (rewards, following, ended), reverse=True)[1]
