"""The terminations themselves."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
import mujoco
from jax import Array
from jaxtyping import Bool
from scipy.spatial.distance import pdist

from mimic_core import BodyModel, StepView
from mimic_terminations.settings import KeypointError


def keypoint_error(config: KeypointError, model: BodyModel) -> Callable[[StepView], Bool[Array, ""]]:
    """End when the mean distance (m) of the keypoints from the reference exceeds the given share of the body."""
    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    apart = pdist(data.site_xpos[model.keypoint_site_ids])
    limit = config.max_share * (apart.max() if apart.size else model.mj_model.stat.extent)

    def too_far(step: StepView) -> Bool[Array, ""]:
        return jnp.linalg.norm(step.site_pos - step.ref.site_pos, axis=-1).mean() > limit

    return too_far
