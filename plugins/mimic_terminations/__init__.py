"""Reasons to end an episode before its clip ends."""

from __future__ import annotations

import attrs

from mimic_core import BodyModel, StepView, TerminationSpec, hookimpl


@attrs.frozen
class KeypointError:
    """Settings of the keypoint-error termination.

    Attributes:
        max_share: mean keypoint error beyond which an episode ends, as a share of the body's extent (the
            greatest distance between two of its keypoints in the reference pose; with one keypoint, the size of
            the model).
    """

    max_share: float = attrs.field(default=0.5, validator=attrs.validators.gt(0))


def build_keypoint_error(config: KeypointError, model: BodyModel):
    """End when the mean distance of the keypoints from the reference exceeds the given share of the body."""
    import jax.numpy as jnp
    import mujoco
    from scipy.spatial.distance import pdist

    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    apart = pdist(data.site_xpos[model.keypoint_site_ids])
    limit = config.max_share * (apart.max() if apart.size else model.mj_model.stat.extent)

    def too_far(step: StepView):
        return jnp.linalg.norm(step.site_pos - step.ref.site_pos, axis=-1).mean() > limit

    return too_far


@hookimpl
def mimic_terminations():
    yield TerminationSpec(
        name="keypoint_error",
        config=KeypointError,
        build=build_keypoint_error,
        default=True,
        summary="the body is too far from the reference",
    )
