"""What separates a policy from its body: noise of senses and muscles, and the time that signals take."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Key, PRNGKeyArray

from mimic_core.task.settings import Noise
from mimic_core.task.state import Counts, Drive, EpisodeKeys
from mimic_core.task.step import StepView

SENSED = frozenset(StepView._fields) - {"excitation", "previous_excitation", "time", "control_dt", "ref", "future"}
"""Fields of a `StepView` that are about the body. A sensory delay holds these back, and not the reference."""


def episode_keys(key: PRNGKeyArray, batch: int) -> EpisodeKeys:
    """Return a random key (batch, n) for each episode."""
    return jax.random.key_data(jax.random.split(key, batch))


def noisy_excitation(noise: Noise, excitation: Drive, keys: EpisodeKeys, step: Counts, low: Any, high: Any) -> Drive:
    """Return excitation (batch, actuator) with this step's noise, within [low, high].

    u·(1 + motor·ξ₁) + motor_constant·ξ₂ with ξ standard normal: it is differentiable in u everywhere, which a standard
    deviation of both parts taken together is not at u = 0.
    """
    draws = jax.vmap(lambda k: jax.random.normal(k, (2, excitation.shape[-1])))(_step_keys(keys, step, 0))
    share, constant = noise.motor * draws[:, 0], noise.motor_constant * draws[:, 1]
    return jnp.clip(excitation * (1.0 + share) + constant, low, high)


def noisy_senses(
    noise: Noise, view: StepView, keys: EpisodeKeys, step: Counts, is_hinge: Bool[Array, " joint"]
) -> StepView:
    """Return a batch of views with this step's noise on joint angles, joint velocities and activations.

    ``keys`` are each episode's own, see `episode_keys`, and ``step`` counts its control steps.
    """
    spread: dict[str, Any] = {
        "joint_pos": jnp.deg2rad(noise.joint_deg) * is_hinge,
        "joint_vel": noise.velocity * is_hinge,
        "activation": noise.activation,
    }

    def disturb(seen: dict[str, Array], key: Array) -> dict[str, Array]:
        ways = jax.random.split(key, len(seen))
        return {n: a + spread[n] * jax.random.normal(k, a.shape) for (n, a), k in zip(seen.items(), ways, strict=True)}

    seen = {name: getattr(view, name) for name in spread}
    disturbed: dict[str, Any] = jax.vmap(disturb)(seen, _step_keys(keys, step, 1))
    return view._replace(**disturbed)


def _step_keys(keys: EpisodeKeys, step: Counts, purpose: int) -> Key[Array, " batch"]:
    """Keys (batch,) of one control step of each episode, made of the episode's own."""
    return jax.vmap(lambda k, s: jax.random.fold_in(jax.random.fold_in(jax.random.wrap_key_data(k), s), purpose))(
        keys, step
    )


def delay_line(signal: Any, length: int) -> Any:
    """Return arrays (batch, length, …) that hold the signal (batch, …) at every place, as if it had never changed."""
    return jax.tree.map(lambda a: jnp.repeat(a[:, None], length, axis=1), signal)


def pushed(line: Any, signal: Any) -> Any:
    """Return a delay line with the signal at its end and its oldest entry gone."""
    return jax.tree.map(lambda old, new: jnp.concatenate([old[:, 1:], new[:, None]], axis=1), line, signal)
