"""A maker of keypoints: every joint swings about the middle of its range."""

import attrs
import numpy as np

from mimic_core import GeneratorSpec, Keypoints, hookimpl


@attrs.frozen
class Template:
    """Settings of the movement.

    Attributes:
        clips: how many.
        frames: of each clip.
        rate_hz: frames per second.
    """

    clips: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    frames: int = attrs.field(default=100, validator=attrs.validators.ge(4))
    rate_hz: float = attrs.field(default=200.0, validator=attrs.validators.gt(0))


def suits(model):
    """Bodies that are fixed in space, with limits at every joint."""
    return model.root is None and bool(np.isfinite(model.joint_range).all())


def build(config, model, seed):
    import mujoco

    def make():
        rng, data = np.random.default_rng(seed), mujoco.MjData(model.mj_model)
        low, high = model.joint_range.T
        time = np.arange(config.frames)[:, None] / config.rate_hz
        positions = np.empty((config.clips, config.frames, len(model.keypoint_names), 3))
        for clip in positions:
            size, phase = 0.25 * (high - low), rng.uniform(0, 2 * np.pi, len(low))
            angles = (low + high) / 2 + size * np.sin(2 * np.pi * rng.uniform(1, 3, len(low)) * time + phase)
            for frame, pose in zip(clip, angles, strict=True):
                data.qpos[model.joint_qposadr] = pose
                mujoco.mj_kinematics(model.mj_model, data)
                frame[:] = data.site_xpos[model.keypoint_site_ids]
        keypoints = Keypoints.from_array(positions, model.keypoint_names, config.rate_hz)
        return attrs.evolve(keypoints, origin="synthetic")

    return make


@hookimpl
def mimic_generators():
    yield GeneratorSpec(name="template", config=Template, build=build, suits=suits, summary="joints that swing")
