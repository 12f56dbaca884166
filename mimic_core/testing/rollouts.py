"""Synthetic rollouts for tests: everything in them is a known, smooth function of time plus noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimic_core.records.rollouts import Rollouts

LINK_M = 0.01
"""Length of each link of the synthetic planar arm, m."""

MOMENT_ARM_M = 0.001
"""Moment arm of every synthetic muscle, m."""

MAX_FORCE_N = 0.5
"""Maximum isometric force of every synthetic muscle, N."""


def synthetic_rollouts(
    clip_steps: Sequence[int] = (120, 120, 100, 120, 80, 120, 120, 110),
    *,
    joints: Sequence[str] = ("shoulder", "elbow"),
    rate_hz: float = 400.0,
    noise: float = 0.01,
    split: Sequence[str] | None = None,
    seed: int = 0,
) -> Rollouts:
    """Make rollouts of a planar chain with a flexor and an extensor at each joint.

    Each joint makes a minimum-jerk movement of random size (Flash & Hogan 1985) with a small
    oscillation; the rollout follows the reference with a smooth error of about one degree. Activations are
    `activation_of` the joints plus ``noise``. The first keypoint, ``base``, never moves. Nothing of it
    was measured: ``origin`` is ``synthetic``, and every clip's name says so.

    Args:
        clip_steps: control steps of each clip; shorter clips end in NaN.
        joints: joint names, from the base outwards.
        rate_hz: control rate, Hz.
        noise: standard deviation of what is added to the activations.
        split: label of each clip; by default the last quarter (at least one clip) is ``held_out``.
        seed: of all random numbers.
    """
    rng = np.random.default_rng(seed)
    n_clips, n_max, n_joints = len(clip_steps), max(clip_steps), len(joints)
    n_held = max(1, n_clips // 4)
    split = tuple(split) if split is not None else ("train",) * (n_clips - n_held) + ("held_out",) * n_held
    muscles = tuple(f"{j}_{kind}" for j in joints for kind in ("flexor", "extensor"))
    keypoints = ("base", *(f"{j}_tip" for j in joints))

    ref, rollout, ref_vel, vel = np.full((4, n_clips, n_max, n_joints), np.nan)
    for c, n in enumerate(clip_steps):
        ref[c, :n] = _movement(n, n_joints, rate_hz, rng)
        wobble = rng.normal(0.0, np.deg2rad(1.0), (2, n_joints))
        phase = np.pi * np.arange(n)[:, None] / n
        rollout[c, :n] = ref[c, :n] + wobble[0] * np.sin(phase) + wobble[1] * np.sin(2 * phase)
        ref_vel[c, :n], vel[c, :n] = (np.gradient(q[c, :n], 1 / rate_hz, axis=0) for q in (ref, rollout))

    jitter = noise * rng.standard_normal((n_clips, n_max, len(muscles)))
    activation = np.clip(activation_of(rollout, vel) + jitter, 0, 1)
    excitation = activation.copy()
    excitation[:, 0] = np.nan
    sites, ref_sites = chain_positions(rollout), chain_positions(ref)
    tracked = ref_sites + 1e-4 * rng.standard_normal(ref_sites.shape)
    sign = np.tile([1.0, -1.0], n_joints)
    force = MAX_FORCE_N * activation
    torque = MOMENT_ARM_M * (force * sign).reshape(n_clips, n_max, n_joints, 2).sum(-1)
    joint_term = np.exp(-0.2 * ((rollout - ref) ** 2).sum(-1))
    return Rollouts(
        body_name="synthetic_arm",
        rate_hz=rate_hz,
        simulator="synthetic",
        split=split,
        clip_names=tuple(f"synthetic_{c:02d}" for c in range(n_clips)),
        joint_names=tuple(joints),
        actuator_names=muscles,
        muscle_names=muscles,
        keypoint_names=keypoints,
        n_steps=np.array(clip_steps),
        qpos=rollout,
        qvel=vel,
        joint_pos=rollout,
        joint_vel=vel,
        joint_force=torque,
        ref_joint_pos=ref,
        ref_joint_vel=ref_vel,
        site_pos=sites,
        ref_site_pos=ref_sites,
        tracked_pos=tracked,
        error_mm=1e3 * np.linalg.norm(sites - ref_sites, axis=-1),
        tracked_error_mm=1e3 * np.linalg.norm(sites - tracked, axis=-1),
        action=2 * excitation - 1,
        excitation=excitation,
        activation=activation,
        muscle_force=force,
        muscle_length=LINK_M - MOMENT_ARM_M * sign * np.repeat(rollout, 2, axis=-1),
        muscle_velocity=-MOMENT_ARM_M * sign * np.repeat(vel, 2, axis=-1),
        reward=joint_term,
        reward_terms={"joint": joint_term},
        fixed_keypoints=("base",),
        origin="synthetic",
        provenance={"made_by": "mimic_core.testing.synthetic_rollouts", "seed": seed},
    )


def activation_of(joint_pos: np.ndarray, joint_vel: np.ndarray) -> np.ndarray:
    """Activation (…, 2 joints) of flexor and extensor of each joint, from angles (rad) and velocities (rad/s).

    ``(1 ± tanh(q/1.5 + v/8)) / 2``: the flexor works while the joint flexes and to hold it flexed.
    """
    drive = np.tanh(joint_pos / 1.5 + joint_vel / 8.0)
    return np.stack([(1 + drive) / 2, (1 - drive) / 2], axis=-1).reshape(*drive.shape[:-1], -1)


def chain_positions(joint_pos: np.ndarray) -> np.ndarray:
    """Positions (…, 1 + joints, xyz) m of base and link ends of the planar chain at angles (…, joint) rad."""
    angle = np.cumsum(joint_pos, axis=-1)
    steps = LINK_M * np.stack([np.cos(angle), np.sin(angle), np.zeros_like(angle)], axis=-1)
    base = np.where(np.isfinite(steps[..., :1, :]), 0.0, np.nan)
    return np.concatenate([base, np.cumsum(steps, axis=-2)], axis=-2)


def _movement(n: int, n_joints: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    t = np.arange(n)[:, None] / rate_hz
    s = np.clip(np.arange(n)[:, None] / n, 0, 1)
    reach = 10 * s**3 - 15 * s**4 + 6 * s**5
    size = rng.uniform(0.6, 1.4, n_joints) * np.where(np.arange(n_joints) % 2, -1.0, 1.0)
    ripple = rng.uniform(0.1, 0.2, n_joints) * np.sin(2 * np.pi * (6 * t + 0.1 * rng.random()))
    return size * (reach - 0.3) + ripple
