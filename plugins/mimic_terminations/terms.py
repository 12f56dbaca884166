"""The terminations themselves."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Bool
from scipy.spatial.distance import pdist

from mimic_core import BodyModel, ConfigError, StepView
from mimic_terminations.settings import KeypointError, RootLost


def keypoint_error(config: KeypointError, model: BodyModel) -> Callable[[StepView], Bool[Array, ""]]:
    """End when the mean distance (m) of the keypoints from the reference exceeds the given share of the body."""
    limit = config.max_share * _extent(model)

    def too_far(step: StepView) -> Bool[Array, ""]:
        return jnp.linalg.norm(step.site_pos - step.ref.site_pos, axis=-1).mean() > limit

    return too_far


def root_lost(config: RootLost, model: BodyModel) -> Callable[[StepView], Bool[Array, ""]]:
    """End when the free root is too far from the reference or turned too far, or the joints are too far off.

    The angle between unit quaternions a and b is 2·arccos|⟨a, b⟩|.

    Raises:
        ConfigError: the body is fixed in space.
    """
    if model.root is None:
        raise ConfigError(
            f"terminations.root_lost: body {model.body.name} is fixed in space and has no free root to lose; "
            "leave it out (terminations.root_lost = false)"
        )
    distance = _limit(None if config.max_share is None else config.max_share * _extent(model))
    if config.max_mm is not None:
        distance = 1e-3 * config.max_mm / model.body.scale
    # a limit of half a turn or more is never exceeded
    cosine = -1.0 if config.max_deg is None else np.cos(np.deg2rad(min(config.max_deg, 180.0)) / 2)
    joints = np.deg2rad(_limit(config.max_joint_deg))
    hinges = np.flatnonzero(model.is_hinge)

    def lost(step: StepView) -> Bool[Array, ""]:
        far = jnp.linalg.norm(step.root_pos - step.ref.root_pos) > distance
        turned = jnp.abs(step.root_quat @ step.ref.root_quat) < cosine
        if not hinges.size:
            return far | turned
        off = (step.joint_pos - step.ref.joint_pos)[hinges]
        return far | turned | ((off**2).mean() > joints**2)

    return lost


def _limit(value: float | None) -> float:
    return np.inf if value is None else value


def _extent(model: BodyModel) -> float:
    """The greatest distance (m) between two keypoints in the reference pose; with one keypoint, the model's size."""
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    apart = pdist(data.site_xpos[model.keypoint_site_ids])
    return float(apart.max() if apart.size else model.mj_model.stat.extent)
