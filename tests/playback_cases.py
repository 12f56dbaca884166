"""Recordings that the tests of playback play."""

from __future__ import annotations

import numpy as np
from toys import make_clips

from mimic_core import BodyModel, ReferenceClips, Rollouts
from mimic_core.chain import plan_training
from mimic_core.records import Training
from mimic_playback.source import Recording

SMALL = {"width": 320, "height": 240}


def rollouts_of(plugins, model: BodyModel, clips: ReferenceClips, reference: ReferenceClips | None = None) -> Rollouts:
    """Rollouts that move as ``clips`` do, with activations that differ between muscles and rise with time."""
    reference = reference or clips
    shape = clips.qpos.shape[:2]
    joints, per_joint = model.joint_names, np.zeros((*shape, len(model.joint_names)))
    per_muscle = np.zeros((*shape, len(model.muscle_names)))
    per_actuator = np.zeros((*shape, len(model.actuator_names)))
    share = np.arange(per_actuator.shape[-1]) / max(per_actuator.shape[-1], 1)
    return Rollouts(
        body_name=model.body.name,
        rate_hz=clips.rate_hz,
        simulator="none",
        clip_names=clips.clip_names,
        split=("train", *("held_out",) * (shape[0] - 1)),
        joint_names=joints,
        actuator_names=model.actuator_names,
        muscle_names=model.muscle_names,
        keypoint_names=model.keypoint_names,
        n_steps=clips.n_frames,
        qpos=clips.qpos,
        qvel=clips.qvel,
        **dict.fromkeys(("joint_pos", "joint_vel", "joint_force", "ref_joint_pos", "ref_joint_vel"), per_joint),
        site_pos=clips.site_pos,
        ref_site_pos=reference.site_pos,
        tracked_pos=reference.tracked_pos,
        error_mm=1e3 * np.linalg.norm(clips.site_pos - reference.site_pos, axis=-1),
        tracked_error_mm=1e3 * np.linalg.norm(clips.site_pos - reference.tracked_pos, axis=-1),
        action=per_actuator,
        excitation=per_actuator,
        activation=share + 0.4 * np.linspace(0, 1, shape[1])[:, None] + per_actuator,
        **dict.fromkeys(("muscle_force", "muscle_length", "muscle_velocity"), per_muscle),
        reward=np.zeros(shape),
        reward_terms={},
        ref_qpos=reference.qpos,
        training=Training(plan=plan_training({}, plugins), body=model.body),
    )


def toy_recording(plugins, model: BodyModel, clips: ReferenceClips) -> Recording:
    """The toy arm makes one movement where another was asked for."""
    asked = make_clips(model, tuple(clips.n_frames), seed=1)
    return Recording("toy.h5", rollouts_of(plugins, model, clips, asked), model, 2)
