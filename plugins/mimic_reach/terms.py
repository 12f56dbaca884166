"""What is seen of a commanded target, what it costs to be away from it, and when it is reached."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from mimic_core import BodyModel, StepView, Term
from mimic_core.task import rotation
from mimic_kinematics.size import span
from mimic_reach.body import hand_of
from mimic_reach.settings import HandDistance, Reached, Target


def target(config: Target, model: BodyModel) -> Callable[[StepView], Float[Array, " n"]]:
    """Give the target minus the hand (m), then joint angles (rad) and velocities (rad/s) if asked for.

    A body with a free root sees the target in the axes of its root.

    Raises:
        ConfigError: the body does not have the keypoint that is named.
    """
    hand = hand_of(model, config.keypoint)

    def observe(step: StepView) -> Float[Array, " n"]:
        away = step.ref.site_pos[hand] - step.site_pos[hand]
        if step.root_quat is not None:
            away = rotation(step.root_quat).inv().apply(away)
        return jnp.concatenate([away, step.joint_pos, step.joint_vel]) if config.posture else away

    return observe


def hand_distance(config: HandDistance, model: BodyModel) -> Callable[[StepView], Float[Array, ""]]:
    """c = √(d² + r²) − r, in spans of the body: d is the distance, r is ``round_share``."""
    hand, size, r = hand_of(model, config.keypoint), span(model), config.round_share

    def cost(step: StepView) -> Float[Array, ""]:
        away = (step.site_pos[hand] - step.ref.site_pos[hand]) / size
        return jnp.sqrt((away**2).sum() + r**2) - r

    return cost


def reached(config: Reached, model: BodyModel) -> Term:
    """1 in every step that ends at least ``hold_ms`` after the hand came within the radius and stayed, else 0."""
    hand = hand_of(model, config.keypoint)
    radius = config.radius_share * span(model)
    if config.radius_mm is not None:
        radius = 1e-3 * config.radius_mm / model.body.scale

    def step(inside_s: Float[Array, ""], view: StepView) -> tuple[Float[Array, ""], Float[Array, ""]]:
        away = ((view.site_pos[hand] - view.ref.site_pos[hand]) ** 2).sum()
        inside_s = jnp.where(away <= radius**2, inside_s + view.control_dt, 0.0)
        # of times that are sums of single-precision control steps, half a step counts as none
        return inside_s, jnp.where(inside_s >= 1e-3 * config.hold_ms - 0.5 * view.control_dt, 1.0, 0.0) * (inside_s > 0)

    return Term(init=lambda: jnp.zeros(()), step=step)
