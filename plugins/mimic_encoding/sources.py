"""What may be encoded: network, movement and muscles, in the bins of the neurons."""

from __future__ import annotations

import numpy as np

from mimic_core import DataError, Plugins, ReferenceClips, Rollouts

INTENTION, KINEMATICS, MUSCLES, EFFORT = "intention", "kinematics", "muscles", "static optimisation"


def sources_of(
    rollouts: Rollouts, clips: ReferenceClips | None = None, plugins: Plugins | None = None
) -> dict[str, np.ndarray]:
    """Return source → (clip, step, column): every layer of the network, intention, kinematics, muscles, and, with
    ``clips``, the muscles' activations that static optimisation finds for the registered movement.

    Kinematics are joint angles and velocities; muscles are activations, or excitations where nothing is activated.
    """
    out = dict(rollouts.layers)
    if "intention_mean" in rollouts.record:
        out[INTENTION] = rollouts.record["intention_mean"]
    out[KINEMATICS] = np.concatenate([rollouts.joint_pos, rollouts.joint_vel], axis=-1)
    has = np.isfinite(rollouts.activation).any()
    own = [name not in rollouts.reserve_names for name in rollouts.actuator_names]
    active = (rollouts.activation if has else rollouts.excitation)[..., own]
    out[MUSCLES if rollouts.muscle_names else "actuators"] = active
    if clips is not None and plugins is not None and rollouts.muscle_names:
        out[EFFORT] = _static_optimisation(rollouts, clips, plugins)
    return {name: np.asarray(v, float) for name, v in out.items() if v.shape[-1]}


def _static_optimisation(rollouts: Rollouts, clips: ReferenceClips, plugins: Plugins) -> np.ndarray:
    """(clip, step, muscle) least Σa² for the registered movement, interpolated to the control rate."""
    from mimic_static_optimisation import INFEASIBLE_SHARE, LOWPASS_HZ, RESERVE_COST, body_with_muscles
    from mimic_static_optimisation.dynamics import load_of, registered
    from mimic_static_optimisation.effort import least_squared
    from mimic_static_optimisation.solve import least_effort

    missing = [n for n in rollouts.clip_names if n not in clips.clip_names]
    if missing:
        raise DataError(f"analyze.encoding: the clips have no {missing[0]!r}, which the rollouts are of; give theirs")
    model = body_with_muscles(clips, rollouts, plugins)
    movement = registered(clips, model, LOWPASS_HZ)
    least = least_effort(load_of(model, movement), movement, least_squared, RESERVE_COST, INFEASIBLE_SHARE)
    found = movement.by_clip(least.activation)
    out = np.full((*rollouts.qpos.shape[:2], found.shape[-1]), np.nan)
    frames = np.arange(found.shape[1]) / movement.rate_hz
    for i, name in enumerate(rollouts.clip_names):
        clip = clips.clip_names.index(name)
        n, steps = int(movement.n_frames[clip]), int(rollouts.n_steps[i])
        for m in range(found.shape[-1]):
            out[i, :steps, m] = np.interp(rollouts.time[:steps], frames[:n], found[clip, :n, m])
    return out


def binned(values: np.ndarray, rate_hz: float, time_s: np.ndarray, width_s: float, lags_s: np.ndarray) -> np.ndarray:
    """Return (clip, bin, lag·column): means of ``values`` (clip, step, column) over bins centred at ``time_s + lag``.

    A bin that a clip does not fill to half is NaN.
    """
    out = []
    steps = np.arange(values.shape[1]) / rate_hz
    for lag in lags_s:
        inside = np.abs(steps - (time_s + lag)[:, None]) <= width_s / 2 + 1e-9  # (bin, step)
        known = np.isfinite(values).all(axis=-1)  # (clip, step)
        n = known.astype(float) @ inside.T  # (clip, bin)
        total = np.einsum("csk,bs->cbk", np.where(known[..., None], values, 0.0), inside.astype(float))
        enough = n >= 0.5 * width_s * rate_hz
        out.append(np.where(enough[..., None], total / np.maximum(n, 1)[..., None], np.nan))
    return np.concatenate(out, axis=-1)
