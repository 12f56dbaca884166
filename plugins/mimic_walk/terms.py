"""What is seen of a commanded velocity, how close the body is to it, and when it has fallen or walked."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float

from mimic_core import BodyModel, StepView, Term
from mimic_core.task import rotation
from mimic_kinematics.size import span
from mimic_walk.body import middle_of, require_free_root, up_of
from mimic_walk.settings import Fallen, Upright, WalkCommand, Walked, WalkSpeed

_LEAST = 0.01
"""Spans of the body per second that count as the least commanded speed."""


def walk_command(config: WalkCommand, model: BodyModel) -> Callable[[StepView], Float[Array, " n"]]:
    """Give the commanded velocity and that minus the root's (m/s), the direction of gravity, the height (m), posture.

    All along the root's own axes; the height is the root's above that of the start. Joint angles (rad) and velocities
    (rad/s) come last, if asked for. A body that is turned about the vertical together with its command sees the same.

    Raises:
        ConfigError: the body is fixed in space.
    """
    require_free_root(model, "observations.walk_command")
    up = jnp.asarray(up_of(model))

    def observe(step: StepView) -> Float[Array, " n"]:
        wanted, height = step.ref.root_linvel, (step.root_pos - step.ref.root_pos) @ up
        seen = rotation(step.root_quat).inv().apply(jnp.stack([wanted, wanted - step.root_linvel, -up]))
        parts = [seen.ravel(), height[None]]
        return jnp.concatenate([*parts, step.joint_pos, step.joint_vel] if config.posture else parts)

    return observe


class Pace(NamedTuple):
    """A running mean of the velocity, and what the next step of it needs."""

    place: Float[Array, "3"]
    """m, one control step ago"""
    known: Float[Array, ""]
    """0 at the beginning of an episode, else 1"""
    total: Float[Array, "3"]
    """weighted sum of velocities, m/s"""
    weight: Float[Array, ""]
    """sum of the weights"""


def walk_speed(config: WalkSpeed, model: BodyModel) -> Term:
    """r = 1/(1 + |v − c|²/s²), v the level part of the body's velocity, c the commanded one, s = ``half_at``·|c|.

    v is the mean over all steps of the episode so far, where a step t ago weighs e^(−t/``smooth_ms``); the velocity of
    a step is how far the body's middle (`mimic_walk.body.middle_of`) came in it. The first step of an episode, of which
    no velocity is known, counts as standing still. Below 0.01 spans of the body per second s shrinks no further.

    Raises:
        ConfigError: the body is fixed in space.
    """
    require_free_root(model, "rewards.walk_speed")
    middle, up, least = middle_of(model), jnp.asarray(up_of(model)), _LEAST * span(model)
    tau = 1e-3 * config.smooth_ms

    def step(last: Pace, view: StepView) -> tuple[Pace, Float[Array, ""]]:
        place = middle(view)
        now = last.known * (place - last.place) / view.control_dt
        kept = jnp.exp(-view.control_dt / tau) if tau else 0.0
        pace = Pace(place, jnp.ones_like(last.known), kept * last.total + now, kept * last.weight + 1.0)
        off = pace.total / pace.weight - view.ref.root_linvel
        off = off - (off @ up) * up
        scale = config.half_at**2 * ((view.ref.root_linvel**2).sum() + least**2)
        return pace, 1.0 / (1.0 + (off**2).sum() / scale)

    return Term(init=lambda: Pace(jnp.zeros(3), jnp.zeros(()), jnp.zeros(3), jnp.zeros(())), step=step)


def upright(config: Upright, model: BodyModel) -> Callable[[StepView], Float[Array, ""]]:
    """r = 1/(1 + |d − d̂|²/D² + (h − ĥ)²/H²), d the direction of gravity seen from the root, h the root's height.

    d̂ and ĥ are those of the start; D is |d − d̂| at a tilt of ``half_at_deg``, H is ``half_at_share`` of the span.

    Raises:
        ConfigError: the body is fixed in space.
    """
    require_free_root(model, "rewards.upright")
    up, height = jnp.asarray(up_of(model)), config.half_at_share * span(model)
    away = 2.0 * np.sin(np.deg2rad(config.half_at_deg) / 2)

    def closeness(step: StepView) -> Float[Array, ""]:
        here, there = (rotation(quat).inv().apply(-up) for quat in (step.root_quat, step.ref.root_quat))
        higher = (step.root_pos - step.ref.root_pos) @ up
        return 1.0 / (1.0 + ((here - there) ** 2).sum() / away**2 + (higher / height) ** 2)

    return closeness


def fallen(config: Fallen, model: BodyModel) -> Callable[[StepView], Bool[Array, ""]]:
    """End where the root is tilted too far, or is too low, against the start of the episode.

    Raises:
        ConfigError: the body is fixed in space.
    """
    require_free_root(model, "terminations.fallen")
    up = jnp.asarray(up_of(model))
    # a tilt of half a turn is never exceeded
    cosine = -1.0 - 1e-6 if config.max_tilt_deg is None else np.cos(np.deg2rad(config.max_tilt_deg))
    drop = np.inf if config.max_drop_share is None else config.max_drop_share * span(model)

    def has(step: StepView) -> Bool[Array, ""]:
        here, there = (rotation(quat).inv().apply(-up) for quat in (step.root_quat, step.ref.root_quat))
        return (here @ there < cosine) | ((step.ref.root_pos - step.root_pos) @ up > drop)

    return has


class Way(NamedTuple):
    """A stretch of walking that is not over yet."""

    begun: Float[Array, "3"]
    """m, how far the body was from the reference when it began"""
    lasted_s: Float[Array, ""]
    """how long ago; below 0 where it is yet to begin"""
    fell: Bool[Array, ""]
    """whether the body has fallen since the episode began"""


def walked(config: Walked, model: BodyModel) -> Term:
    """1 in every step that ends ``over_ms`` of walking at the commanded velocity, without a fall so far; else 0.

    Stretches of ``over_ms`` follow upon one another, the first of them ``after_ms`` after the beginning of the episode.
    One counts if the level part of the body's mean velocity in it is off the commanded one by no more than ``within``
    of the commanded speed: if the body's middle (`mimic_walk.body.middle_of`) has come no further away from that of
    the reference, which goes along at the commanded velocity.

    Raises:
        ConfigError: the body is fixed in space.
    """
    require_free_root(model, "rewards.walked")
    middle, up, fell = middle_of(model), jnp.asarray(up_of(model)), fallen(config, model)

    def step(way: Way, view: StepView) -> tuple[Way, Float[Array, ""]]:
        away = middle(view) - middle(view.ref)
        away = away - (away @ up) * up
        lasted, down = way.lasted_s + view.control_dt, way.fell | fell(view)
        # of times that are sums of single-precision control steps, half a step counts as none
        begins = (way.lasted_s < 0) & (lasted >= -0.5 * view.control_dt)
        begun, lasted = jnp.where(begins, away, way.begun), jnp.where(begins, 0.0, lasted)
        over = lasted >= 1e-3 * config.over_ms - 0.5 * view.control_dt
        near = ((away - begun) ** 2).sum() <= (config.within * lasted) ** 2 * (view.ref.root_linvel**2).sum()
        value = jnp.where(over & near & ~down, 1.0, 0.0)
        return Way(jnp.where(over, away, begun), jnp.where(over, 0.0, lasted), down), value

    return Term(init=lambda: Way(jnp.zeros(3), jnp.asarray(-1e-3 * config.after_ms), jnp.zeros((), bool)), step=step)
