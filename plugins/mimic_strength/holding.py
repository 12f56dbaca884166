"""With how little muscle a pose is held: the state in which a rollout begins."""

from __future__ import annotations

import copy

import numpy as np
from jaxtyping import Float

from mimic_core import BodyModel
from mimic_kinematics.couplings import Couplings

_EFFORT = 1e-3
"""Price of effort beside the torque that is missed, as a share of what each joint's actuators can give: small enough
that a pose which can be held is held."""
_RESERVE_PRICE = 100.0
"""Price of a reserve's effort over that of another actuator: it gives what the muscles cannot."""


def holding_activation(
    model: BodyModel,
    qpos: Float[np.ndarray, "pose qpos"],
    qvel: Float[np.ndarray, "pose qvel"] | None = None,
    qacc: Float[np.ndarray, "pose qvel"] | None = None,
) -> Float[np.ndarray, "pose actuator"]:
    """Return the least activation that holds each pose at rest, or that gives its movement, by static optimisation.

    min Σ(a/a_max)² over the actuators' range, with the joint torques that `mujoco.mj_inverse` asks for at this velocity
    and acceleration (Crowninshield & Brand 1981, doi:10.1016/0021-9290(81)90035-X, with the square); a reserve's square
    counts a hundredfold. What the actuators cannot give, and what carries a free root, stays a remainder. A joint that
    follows another by a coupling hands its torque on to that one, which alone is held.

    Args:
        qpos: rad and m.
        qvel, qacc: rad/s and m/s, rad/s² and m/s²; None: at rest.
    """
    import mujoco
    from scipy.optimize import lsq_linear

    m = copy.copy(model.mj_model)  # without limits forces are linear in activation; limits become bounds
    m.actuator_forcelimited[:] = m.actuator_ctrllimited[:] = 0
    data = mujoco.MjData(m)
    angles, couplings = model.joint_qposadr, Couplings.of(model.mj_model)
    joints = model.joint_dofadr[~np.isin(model.joint_dofadr, m.jnt_dofadr[couplings.joint])]
    low, high = _range(model)
    reserve = np.isin(model.actuator_names, tuple(model.driven_by.reserves))
    price = _EFFORT * np.where(reserve, np.sqrt(_RESERVE_PRICE), 1.0)
    effort = np.diag(price / np.maximum(np.abs([low, high]).max(axis=0), 1e-12))
    out = np.zeros((len(qpos), m.nu))

    def driven(activation: Float[np.ndarray, " actuator"]) -> tuple[np.ndarray, np.ndarray]:
        data.ctrl[:] = activation
        data.act[:] = activation[m.actuator_actadr >= 0]
        mujoco.mj_fwdActuation(m, data)
        return couplings.folded(data.qfrc_actuator, data.qpos)[joints], data.actuator_force.copy()

    for i, pose in enumerate(qpos):
        mujoco.mj_resetData(m, data)
        data.qpos[:] = pose
        data.qpos[angles] = np.clip(pose[angles], *model.joint_range.T)  # muscles need not fight a limit
        if qvel is not None:
            data.qvel[:] = qvel[i]
        if qacc is not None:
            data.qacc[:] = qacc[i]
        mujoco.mj_inverse(m, data)
        needed, (idle, relaxed) = couplings.folded(data.qfrc_inverse, data.qpos)[joints], driven(np.zeros(m.nu))
        torques, forces = zip(*map(driven, np.eye(m.nu)), strict=True)
        gives = np.stack([torque - idle for torque in torques], axis=1)
        size = np.maximum(np.abs(gives).sum(axis=1), 1e-12)
        a = np.concatenate([gives / size[:, None], effort])
        b = np.concatenate([(needed - idle) / size, np.zeros(m.nu)])
        bounds = _within(model, low, high, relaxed, np.diag(forces) - relaxed)
        out[i] = lsq_linear(a, b, bounds=bounds).x
    return out


def _within(
    model: BodyModel,
    low: Float[np.ndarray, " actuator"],
    high: Float[np.ndarray, " actuator"],
    relaxed: Float[np.ndarray, " actuator"],
    slope: Float[np.ndarray, " actuator"],
) -> tuple[Float[np.ndarray, " actuator"], Float[np.ndarray, " actuator"]]:
    """The part of [low, high] where no force, ``relaxed + slope · activation``, is beyond the actuator's limits."""
    m = model.mj_model
    held = m.actuator_forcelimited.astype(bool) & (slope != 0)
    ends = (m.actuator_forcerange - relaxed[:, None]) / np.where(held, slope, 1.0)[:, None]
    least, most = (np.clip(e, low, high) for e in np.sort(ends, axis=1).T)
    least, most = np.where(held, least, low), np.where(held, most, high)
    return np.minimum(least, high - 1e-9), np.maximum(most, np.minimum(least, high - 1e-9) + 1e-9)


def _range(model: BodyModel) -> tuple[Float[np.ndarray, " actuator"], Float[np.ndarray, " actuator"]]:
    """Lowest and highest activation: that of a state where it has limits of its own, else that of excitation."""
    m, actuation = model.mj_model, model.actuation
    own = m.actuator_actlimited.astype(bool)
    ends = zip(m.actuator_actrange.T, (actuation.low, actuation.high), strict=True)
    return tuple(np.where(own, state, excitation) for state, excitation in ends)
