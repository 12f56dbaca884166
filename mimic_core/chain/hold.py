"""With how little muscle a pose is held: the state in which a rollout begins."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mimic_core.body.model import BodyModel
from mimic_core.records.clips import ReferenceClips

_EFFORT = 1e-3
"""Price of effort beside the torque that is missed, as a share of what each joint's actuators can give: small enough
that a pose which can be held is held."""

_SOLVED_EVERY_S = 0.1


def holding_activation(model: BodyModel, qpos: Float[np.ndarray, "pose qpos"]) -> Float[np.ndarray, "pose actuator"]:
    """Return the least activation that holds each pose at rest, by static optimisation.

    min Σa² over the actuators' range, with the joint torques that `mujoco.mj_inverse` asks for at zero velocity and
    acceleration (Crowninshield & Brand 1981, doi:10.1016/0021-9290(81)90035-X, with the square). What the actuators
    cannot give, and what carries a free root, stays a remainder.

    Args:
        qpos: rad and m.
    """
    import mujoco
    from scipy.optimize import lsq_linear

    m, data = model.mj_model, mujoco.MjData(model.mj_model)
    joints, angles = model.joint_dofadr, model.joint_qposadr
    low, high = model.actuation.low, model.actuation.high
    out = np.zeros((len(qpos), m.nu))

    def torque(activation: Float[np.ndarray, " actuator"]) -> Float[np.ndarray, " joint"]:
        data.ctrl[:] = activation
        data.act[:] = activation[m.actuator_actadr >= 0]
        mujoco.mj_fwdActuation(m, data)
        return data.qfrc_actuator[joints].copy()

    for i, pose in enumerate(qpos):
        mujoco.mj_resetData(m, data)
        data.qpos[:] = pose
        data.qpos[angles] = np.clip(pose[angles], *model.joint_range.T)  # muscles need not fight a limit
        mujoco.mj_inverse(m, data)
        needed, idle = data.qfrc_inverse[joints].copy(), torque(np.zeros(m.nu))
        gives = np.stack([torque(one) - idle for one in np.eye(m.nu)], axis=1)
        size = np.maximum(np.abs(gives).sum(axis=1), 1e-12)
        a = np.concatenate([gives / size[:, None], _EFFORT * np.eye(m.nu)])
        b = np.concatenate([(needed - idle) / size, np.zeros(m.nu)])
        out[i] = lsq_linear(a, b, bounds=(low, high)).x
    return out


def has_set_points(model: BodyModel) -> bool:
    """Whether an actuator that is no muscle has a state, such as a servo whose set point follows its control slowly."""
    with_state = np.flatnonzero(model.mj_model.actuator_actadr >= 0)
    return bool(np.setdiff1d(with_state, model.muscle_ids).size)


def holding_course(model: BodyModel, clips: ReferenceClips, rate_hz: float) -> Float[np.ndarray, "clip step actuator"]:
    """Return `holding_activation` at every instant of the clips, ``rate_hz`` of them a second.

    Poses are solved every `_SOLVED_EVERY_S` and interpolated linearly between.
    """
    ends = (clips.n_frames - 1) / clips.rate_hz
    steps = np.arange(int(np.floor(ends.max() * rate_hz + 1e-9)) + 1) / rate_hz
    out = np.empty((len(ends), len(steps), model.mj_model.nu))
    for row, qpos, end in zip(out, clips.qpos, ends, strict=True):
        frames = np.unique(np.append(np.arange(0.0, end, _SOLVED_EVERY_S), end) * clips.rate_hz + 1e-6).astype(int)
        frames = np.unique(frames)
        held = holding_activation(model, qpos[frames])
        row[:] = np.stack([np.interp(steps, frames / clips.rate_hz, a) for a in held.T], axis=1)
    return out
