"""The observations themselves."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array

from mimic_core import BodyModel, StepView


def reference_window(config, model: BodyModel) -> Callable[[StepView], Array]:
    """The reference joint angles (rad) of the window, flattened; for a free root also its pose seen from the root."""

    def observe(step: StepView) -> Array:
        angles = step.future.joint_pos
        parts = [angles - step.joint_pos if config.form == "difference" else angles]
        if config.velocity:
            parts.append(step.future.joint_vel)
        if step.root_pos is not None:
            inverse = _conjugate(step.root_quat)
            parts.append(_rotate(inverse, step.future.root_pos - step.root_pos))
            parts.append(_multiply(inverse, step.future.root_quat))
        return jnp.concatenate([p.ravel() for p in parts])

    return observe


def keypoint_window(config, model: BodyModel) -> Callable[[StepView], Array]:
    """The keypoints (m) of the reference in the window, flattened; for a free root seen from the root.

    Raises:
        ConfigError: the body does not have a keypoint that is named.
    """
    chosen = np.array([model.keypoint(name) for name in config.keypoints or model.keypoint_names])

    def observe(step: StepView) -> Array:
        coming = step.future.site_pos[:, chosen]
        if config.form == "difference":
            coming = coming - step.site_pos[chosen]
        elif step.root_pos is not None:
            coming = coming - step.root_pos
        if step.root_quat is not None:
            coming = _rotate(_conjugate(step.root_quat), coming)
        return coming.ravel()

    return observe


def proprioception(config, model: BodyModel) -> Callable[[StepView], Array]:
    """Joint angles (rad), joint velocities (rad/s), activation; for a free root also the direction of gravity."""
    down = np.array(model.mj_model.opt.gravity)
    down = down / max(np.linalg.norm(down), 1e-9)

    def observe(step: StepView) -> Array:
        parts = [step.joint_pos, step.joint_vel, step.activation]
        if config.muscle_state:
            parts += [step.muscle_length, step.muscle_velocity, step.muscle_force]
        if step.root_quat is not None:
            parts.append(_rotate(_conjugate(step.root_quat), jnp.asarray(down)))
        return jnp.concatenate([p.ravel() for p in parts])

    return observe


def _conjugate(q: Array) -> Array:
    return q * jnp.array([1.0, -1.0, -1.0, -1.0])


def _multiply(a: Array, b: Array) -> Array:
    """Hamilton product of quaternions (…, 4), w first."""
    aw, av, bw, bv = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    av, bv = jnp.broadcast_arrays(av, bv)
    return jnp.concatenate([aw * bw - (av * bv).sum(-1, keepdims=True), aw * bv + bw * av + jnp.cross(av, bv)], axis=-1)


def _rotate(q: Array, v: Array) -> Array:
    """Rotate vectors (…, 3) by a unit quaternion."""
    axis = jnp.broadcast_to(q[..., 1:], v.shape)
    t = 2 * jnp.cross(axis, v)
    return v + q[..., :1] * t + jnp.cross(axis, t)
