"""The observations themselves."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from mimic_core import BodyModel, ConfigError, StepView
from mimic_core.task import rotation
from mimic_observations.settings import KeypointWindow, Proprioception, ReferenceWindow


def reference_window(config: ReferenceWindow, model: BodyModel) -> Callable[[StepView], Float[Array, " n"]]:
    """Give the reference's joint angles (rad; m for a slide) in the window, one instant after the other.

    Then come its joint velocities (rad/s) if asked for and, of a free root, the reference's coming positions (m) and
    orientations (quaternions, w first), seen from the body's root; and if asked for, the coming frame origins of the
    moving bodies (m), seen from there too. A body that is turned about the vertical or carried elsewhere, together with
    its reference, sees the same.

    Raises:
        ConfigError: bodies are asked for, and there is no free root to see them from.
    """
    if config.bodies and model.root is None:
        raise ConfigError(
            f"observations.reference_window.bodies: body {model.body.name} is fixed in space and has no free root to "
            "see them from; leave the setting out"
        )

    def observe(step: StepView) -> Float[Array, " n"]:
        angles = step.future.joint_pos
        parts = [angles - step.joint_pos if config.form == "difference" else angles]
        if config.velocity:
            parts.append(step.future.joint_vel)
        if step.root_pos is not None:
            to_root = rotation(step.root_quat).inv()
            parts.append(to_root.apply(step.future.root_pos - step.root_pos))
            parts.append((to_root * rotation(step.future.root_quat)).as_quat(canonical=True, scalar_first=True))
            if config.bodies:
                parts.append(to_root.apply((step.future.body_pos - step.root_pos).reshape(-1, 3)))
        return jnp.concatenate([p.ravel() for p in parts])

    return observe


def keypoint_window(config: KeypointWindow, model: BodyModel) -> Callable[[StepView], Float[Array, " n"]]:
    """Give the reference's keypoints (m) in the window, one instant after the other.

    A body with a free root sees them in the axes of its root.

    Raises:
        ConfigError: the body does not have a keypoint that is named.
    """
    chosen = np.array([model.keypoint(name) for name in config.keypoints or model.keypoint_names])

    def observe(step: StepView) -> Float[Array, " n"]:
        coming = step.future.site_pos[:, chosen]
        if config.form == "difference":
            coming = coming - step.site_pos[chosen]
        elif step.root_pos is not None:
            coming = coming - step.root_pos
        if step.root_quat is not None:
            coming = rotation(step.root_quat).inv().apply(coming)
        return coming.ravel()

    return observe


def proprioception(config: Proprioception, model: BodyModel) -> Callable[[StepView], Float[Array, " n"]]:
    """Give joint angles (rad), joint velocities (rad/s) and activations.

    Then come muscle lengths (m), velocities (m/s) and forces (N) if asked for and, of a free root, the direction of
    gravity (3,) in the root's axes, and if asked for its height (m), linear velocity (m/s) and angular velocity
    (rad/s), the latter two along its own axes.

    Raises:
        ConfigError: the state of a free root is asked for, and there is none.
    """
    if config.root_state and model.root is None:
        raise ConfigError(
            f"observations.proprioception.root_state: body {model.body.name} is fixed in space and has no free root; "
            "leave the setting out"
        )
    down = np.array(model.mj_model.opt.gravity)
    down = down / max(np.linalg.norm(down), 1e-9)

    def observe(step: StepView) -> Float[Array, " n"]:
        parts = [step.joint_pos, step.joint_vel, step.activation]
        if config.muscle_state:
            parts += [step.muscle_length, step.muscle_velocity, step.muscle_force]
        if step.root_quat is not None:
            to_root = rotation(step.root_quat).inv()
            parts.append(to_root.apply(jnp.asarray(down)))
            if config.root_state:
                parts += [-(step.root_pos @ down)[None], to_root.apply(step.root_linvel), step.root_angvel]
        return jnp.concatenate([p.ravel() for p in parts])

    return observe
