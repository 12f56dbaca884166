"""With how little muscle a pose is held: the state in which a rollout begins."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from mimic_core.body.model import BodyModel

_EFFORT = 1e-3
"""Price of effort beside the torque that is missed, as a share of what each joint's actuators can give: small enough
that a pose which can be held is held."""


def holding_activation(model: BodyModel, qpos: Float[np.ndarray, "pose qpos"]) -> Float[np.ndarray, "pose actuator"]:
    """Return the least activation that holds each pose at rest, by static optimisation.

    min Σ(a/a_max)² over the actuators' range, with the joint torques that `mujoco.mj_inverse` asks for at zero velocity
    and acceleration (Crowninshield & Brand 1981, doi:10.1016/0021-9290(81)90035-X, with the square). What the actuators
    cannot give, and what carries a free root, stays a remainder.

    Args:
        qpos: rad and m.
    """
    import mujoco
    from scipy.optimize import lsq_linear

    m, data = model.mj_model, mujoco.MjData(model.mj_model)
    joints, angles = model.joint_dofadr, model.joint_qposadr
    low, high = _range(model)
    effort = np.diag(_EFFORT / np.maximum(np.abs([low, high]).max(axis=0), 1e-12))
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
        a = np.concatenate([gives / size[:, None], effort])
        b = np.concatenate([(needed - idle) / size, np.zeros(m.nu)])
        out[i] = lsq_linear(a, b, bounds=(low, high)).x
    return out


def _range(model: BodyModel) -> tuple[Float[np.ndarray, " actuator"], Float[np.ndarray, " actuator"]]:
    """Lowest and highest activation: that of a state where it has limits of its own, else that of excitation."""
    m, actuation = model.mj_model, model.actuation
    own = m.actuator_actlimited.astype(bool)
    ends = zip(m.actuator_actrange.T, (actuation.low, actuation.high), strict=True)
    return tuple(np.where(own, state, excitation) for state, excitation in ends)
