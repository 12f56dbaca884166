"""A registration: frame by frame, the joint angles whose keypoints are nearest; the body stays as it is."""

import attrs
import numpy as np

from mimic_core import BodyModel, ConfigError, ReferenceClips, RegistrationSpec, hookimpl


@attrs.frozen
class Template:
    """Settings of the fit.

    Attributes:
        iterations: of the search in each frame, at most.
    """

    iterations: int = attrs.field(default=100, validator=attrs.validators.ge(1))


def build(config, body):
    import mujoco
    from scipy.optimize import least_squares

    model = BodyModel.compile(body)
    if model.root is not None:
        raise ConfigError(
            f"registration template: body {body.name} moves freely; it takes only one that is fixed in space"
        )
    data, (low, high) = mujoco.MjData(model.mj_model), model.joint_range.T

    def sites(angles):
        data.qpos[model.joint_qposadr] = angles
        mujoco.mj_kinematics(model.mj_model, data)
        return data.site_xpos[model.keypoint_site_ids].copy()

    def register(keypoints, progress):
        tracked = keypoints.positions / body.scale
        shape = tracked.shape[:2]
        qpos, qvel = np.full((*shape, model.mj_model.nq), np.nan), np.full((*shape, model.mj_model.nv), np.nan)
        site_pos, middle = np.full_like(tracked, np.nan), np.clip(0.0, low, high)
        for c, n in enumerate(keypoints.n_frames):
            angles = middle
            for f in range(n):
                seen = np.isfinite(tracked[c, f])
                away = lambda q, at=tracked[c, f], seen=seen: (sites(q) - at)[seen]  # noqa: E731
                angles = np.clip(angles, low + 1e-9, high - 1e-9)
                angles = least_squares(away, angles, bounds=(low, high), x_scale=1.0, max_nfev=config.iterations).x
                site_pos[c, f] = sites(angles)
                qpos[c, f] = data.qpos
            qvel[c, :n] = np.gradient(qpos[c, :n], 1 / keypoints.rate_hz, axis=0)
            progress(c + 1, len(tracked), {})
        return ReferenceClips(
            body=body,
            rate_hz=keypoints.rate_hz,
            clip_names=keypoints.clip_names,
            joint_names=model.joint_names,
            keypoint_names=model.keypoint_names,
            n_frames=keypoints.n_frames,
            qpos=qpos,
            qvel=qvel,
            site_pos=site_pos,
            tracked_pos=tracked,
            error_mm=1e3 * body.scale * np.linalg.norm(site_pos - tracked, axis=-1),
            alignment=np.tile(np.diag([1 / body.scale] * 3 + [1.0]), (len(tracked), 1, 1)),
        )

    return register


@hookimpl
def mimic_registrations():
    yield RegistrationSpec(name="template", config=Template, build=build, summary="joint angles alone, frame by frame")
