"""How large a body is."""

from __future__ import annotations

from mimic_core import BodyModel


def span(model: BodyModel) -> float:
    """Return the greatest distance (m) of two keypoints in the reference pose; without two, the model's size."""
    import mujoco  # here, since reward terms are looked up before a way to draw is chosen
    from scipy.spatial.distance import pdist

    data = mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(model.mj_model, data)
    apart = pdist(data.site_xpos[model.keypoint_site_ids])
    return float(apart.max() if apart.size else model.mj_model.stat.extent)
