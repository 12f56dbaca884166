"""Synthetic records of the toy body: clips, keypoints, rollouts, EMG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import mujoco
import numpy as np

from mimic_core.body.model import BodyModel
from mimic_core.chain.assembly import plan_training
from mimic_core.plugins.manager import Plugins
from mimic_core.records.calibration import Calibration
from mimic_core.records.clips import ReferenceClips
from mimic_core.records.emg import Emg
from mimic_core.records.keypoints import Keypoints
from mimic_core.records.rollouts import AppliedPerturbation, Rollouts
from mimic_core.records.training import Training
from mimic_core.testing.rollouts import synthetic_rollouts
from mimic_core.testing.steps import toy_model
from mimic_core.testing.toy import toy_body


def toy_clips(
    plugins: Plugins | None = None, frames: Sequence[int] = (40, 40, 40, 30), rate_hz: float = 200.0, seed: int = 0
) -> ReferenceClips:
    """Return clips in which every joint of the toy body makes a slow sine about the middle of its range.

    Args:
        plugins: that give the body its muscles; None: the installed ones.
        frames: of each clip.
        rate_hz: frames per second.
        seed: of frequencies (2 to 4 Hz), sizes and phases.
    """
    return clips_of(toy_model(plugins), frames, rate_hz, seed)


def standing_clips(model: BodyModel, n_frames: int = 8, rate_hz: float = 100.0) -> ReferenceClips:
    """Return one clip of a body standing still in its reference pose."""
    m, data = model.mj_model, mujoco.MjData(model.mj_model)
    mujoco.mj_kinematics(m, data)
    sites = np.tile(data.site_xpos[model.keypoint_site_ids], (1, n_frames, 1, 1))
    return ReferenceClips(
        body=model.body,
        rate_hz=rate_hz,
        clip_names=("standing",),
        joint_names=model.joint_names,
        keypoint_names=model.keypoint_names,
        n_frames=np.array([n_frames]),
        qpos=np.tile(m.qpos0, (1, n_frames, 1)),
        qvel=np.zeros((1, n_frames, m.nv)),
        site_pos=sites,
        tracked_pos=sites,
        error_mm=np.zeros(sites.shape[:3]),
        alignment=np.eye(4)[None],
    )


def clips_of(model: BodyModel, frames: Sequence[int], rate_hz: float, seed: int) -> ReferenceClips:
    """Return the same for a body that does not move as a whole; see `toy_clips`."""
    rng, joints = np.random.default_rng(seed), len(model.joint_names)
    low, high = model.joint_range.T
    shape = (len(frames), max(frames))
    qpos = np.full((*shape, model.mj_model.nq), np.nan)
    qvel = np.full((*shape, model.mj_model.nv), np.nan)
    site_pos = np.full((*shape, len(model.keypoint_names), 3), np.nan)
    data = mujoco.MjData(model.mj_model)
    for i, n in enumerate(frames):
        t = np.arange(n)[:, None] / rate_hz
        turn = 2 * np.pi * rng.uniform(2.0, 4.0, joints)
        size, phase = 0.25 * (high - low) * rng.uniform(0.5, 1.0, joints), rng.uniform(0, 2 * np.pi, joints)
        qpos[i, :n], qvel[i, :n] = model.mj_model.qpos0, 0.0
        qpos[i, :n, model.joint_qposadr] = (0.5 * (low + high) + size * np.sin(turn * t + phase)).T
        qvel[i, :n, model.joint_dofadr] = (size * turn * np.cos(turn * t + phase)).T
        for f in range(n):
            data.qpos[:] = qpos[i, f]
            mujoco.mj_kinematics(model.mj_model, data)
            site_pos[i, f] = data.site_xpos[model.keypoint_site_ids]
    return ReferenceClips(
        body=model.body,
        rate_hz=rate_hz,
        clip_names=tuple(f"synthetic_{i:02d}" for i in range(len(frames))),
        joint_names=model.joint_names,
        keypoint_names=model.keypoint_names,
        n_frames=np.array(frames),
        qpos=qpos,
        qvel=qvel,
        site_pos=site_pos,
        tracked_pos=site_pos,
        error_mm=np.where(np.isfinite(site_pos[..., 0]), 0.0, np.nan),
        alignment=np.tile(np.eye(4), (len(frames), 1, 1)),
        provenance={"origin": "synthetic"},
    )


def going_clips(model: BodyModel, m_s: float = 0.1) -> ReferenceClips:
    """Return two clips of a body with a free root that goes along x at so many m/s while its joints swing."""
    clips = clips_of(model, (40, 30), 200.0, 0)
    along = m_s * np.arange(40)[:, None] / clips.rate_hz * np.array([1.0, 0.0, 0.0])
    at, dof = model.root_qposadr, model.root_dofadr
    clips.qpos[..., at : at + 3] += along
    clips.qvel[..., dof] += m_s
    site_pos = clips.site_pos + along[:, None]
    return attrs.evolve(clips, site_pos=site_pos, tracked_pos=site_pos)


def toy_keypoints(clips: ReferenceClips) -> Keypoints:
    """Return the keypoints of clips as a camera would have seen them, m."""
    return Keypoints(
        names=clips.keypoint_names,
        positions=clips.site_pos,
        n_frames=clips.n_frames,
        rate_hz=clips.rate_hz,
        clip_names=clips.clip_names,
        origin="synthetic",
    )


def toy_emg(rollouts: Rollouts) -> Emg:
    """Return EMG of the muscles of rollouts: their activation with noise, trial by trial."""
    rng = np.random.default_rng(0)
    envelope = np.abs(rollouts.activation + 0.02 * rng.standard_normal(rollouts.activation.shape))
    return Emg(
        rate_hz=rollouts.rate_hz,
        trial_names=rollouts.clip_names,
        muscle_names=rollouts.muscle_names,
        envelope=envelope,
        synthetic=True,
        methods="activation with noise",
    )


def toy_perturbed(rollouts: Rollouts) -> Rollouts:
    """Return rollouts that stray from the reference by 1 mm for 50 ms in the middle of each clip."""
    middle = (rollouts.n_steps - 1) // 2
    onset = 1e3 * middle / rollouts.rate_hz
    after = np.arange(rollouts.qpos.shape[1]) - middle[:, None]
    away = np.where((after > 0) & (after <= 0.05 * rollouts.rate_hz), 0.001, 0.0)
    site_pos = rollouts.site_pos + away[..., None, None] * np.array([0.0, 0.0, 1.0])
    applied = AppliedPerturbation(
        name="pulse",
        label="pulse",
        onset_ms=tuple(map(float, onset)),
        end_ms=tuple(float(t) for t in onset + 50.0),
    )
    return attrs.evolve(
        rollouts,
        site_pos=site_pos,
        error_mm=1e3 * np.linalg.norm(site_pos - rollouts.ref_site_pos, axis=-1),
        tracked_error_mm=1e3 * np.linalg.norm(site_pos - rollouts.tracked_pos, axis=-1),
        perturbation=applied,
    )


def toy_records(plugins: Plugins) -> dict[str, Any]:
    """Return a synthetic record of each kind that the kit can make: name of the kind → record."""
    clips, rollouts = toy_clips(plugins), synthetic_rollouts((100, 100, 80, 100))
    rng = np.random.default_rng(0)
    shape = (*rollouts.action.shape[:2], 3)
    intention = rng.standard_normal(shape).cumsum(axis=1) / 10 + np.where(
        np.isfinite(rollouts.qpos[..., :1]), 0, np.nan
    )
    layer = np.tanh(np.concatenate([rollouts.joint_pos, rollouts.joint_vel / 10, intention], axis=-1))
    flexor, extensor = toy_body().muscles
    muscles = [attrs.evolve(flexor if "flexor" in n else extensor, name=n) for n in rollouts.muscle_names]
    body = attrs.evolve(toy_body(), name=rollouts.body_name, muscles=tuple(muscles))
    rollouts = attrs.evolve(
        rollouts,
        body=body,
        training=Training(plan=plan_training({}, plugins), body=body, train_clips=rollouts.clip_names),
        record={
            "intention": intention,
            "intention_mean": intention,
            "intention_logvar": 0 * intention,
            "layer/decoder/layer_1": layer,
        },
    )
    return {
        ReferenceClips.KIND: clips,
        Keypoints.KIND: toy_keypoints(clips),
        Calibration.KIND: Calibration.of(clips),
        Rollouts.KIND: rollouts,
        "perturbed": toy_perturbed(rollouts),
        Emg.KIND: toy_emg(rollouts),
        **{spec.name: spec.synthetic(rollouts) for spec in plugins.all("record") if spec.synthetic is not None},
    }
