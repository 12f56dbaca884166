"""Put a motor on every joint of a skeleton, as strong as the body says or as its muscles are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import mujoco
import numpy as np

from mimic_core import Actuation, Body, ConfigError, did_you_mean
from mimic_strength import gravity_torques, of_patterns
from mimic_strength.holding import holding_activation

if TYPE_CHECKING:
    from mimic_torque.settings import Settings


def build_actuation(config: Settings, body: Body) -> Actuation:
    """Return the actuation with one motor per hinge or slide, named like its joint.

    At excitation 1 a motor gives its torque limit. What the settings say for a joint by its name comes first, then
    ``body.torque_limits``, then the settings' first pattern that fits, then what the body's muscles can do there
    (`muscle_torque_limits`), then the settings' multiple of the weight that the joint carries.

    Raises:
        ConfigError: no joint to drive, a torque limit for a joint that the skeleton does not have or that is
            not positive, or joints without a limit.
    """
    joints = [j.name for j in body.spec().joints if _is_scalar(j.type)]
    if not joints:
        raise ConfigError(f"body {body.name}: has no hinge or slide joint for the actuation 'torque' to drive")
    limits = _limits(config, body, tuple(joints))

    def apply(spec: mujoco.MjSpec) -> None:
        for joint, limit in limits.items():
            motor = spec.add_actuator(
                name=joint, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT, ctrllimited=True, ctrlrange=(-1.0, 1.0)
            )
            motor.set_to_motor()
            motor.gear[0] = limit

    return Actuation(name="torque", actuators=tuple(limits), low=-1.0, high=1.0, apply=apply, hold=holding_activation)


def muscle_torque_limits(body: Body, poses: int = 1024) -> dict[str, float]:
    """Return joint → the largest torque (N·m; N for a slide) that the body's muscles can hold there.

    At each pose the maximum isometric forces times their moment arms are added up, flexors and extensors
    apart, since they would not pull together; the limit is the larger of the two sums, at the best pose.
    Poses are the first ``poses`` points of an unscrambled Halton sequence over the joints' range (one full
    turn for a hinge without limits, rest length for a slide without limits), so the result is reproducible.
    Fibre length and velocity are left out: it is an upper bound on what the muscles do.

    Raises:
        ConfigError: a muscle passes a site that the skeleton does not have.
    """
    from scipy.stats import qmc

    model = _with_tendons(body)
    scalar = [j for j in range(model.njnt) if _is_scalar(model.jnt_type[j])]
    low, high = np.array([_range(model, j) for j in scalar]).T
    force = np.array([m.max_isometric_force for m in body.muscles])
    tendons = [model.tendon(m.name).id for m in body.muscles]
    dofs = model.jnt_dofadr[scalar]

    data, best = mujoco.MjData(model), np.zeros(len(scalar))
    for pose in low + (high - low) * qmc.Halton(len(scalar), scramble=False).random(poses):
        data.qpos[model.jnt_qposadr[scalar]] = pose
        mujoco.mj_fwdPosition(model, data)
        # A tendon's pull is minus the gradient of its length times its tension.
        torque = -force[:, None] * _moment_arms(model, data)[np.ix_(tendons, dofs)]
        best = np.maximum(best, np.maximum(torque.clip(min=0).sum(0), -torque.clip(max=0).sum(0)))
    return {model.joint(j).name: float(limit) for j, limit in zip(scalar, best, strict=True)}


def _limits(config: Settings, body: Body, joints: tuple[str, ...]) -> dict[str, float]:
    for where, limits in (("actuation.torque_limits", config.torque_limits), ("torque_limits", body.torque_limits)):
        _check(limits, joints, body, where)
    named = {j: v for j, v in config.torque_limits.items() if j in joints}
    limits = {**of_patterns(joints, config.torque_limits), **of_patterns(joints, body.torque_limits), **named}
    if body.muscles and set(joints) - set(limits):
        limits = {**muscle_torque_limits(body, config.poses), **limits}
    if config.torque_limit_gravity and any(not limits.get(j, 0.0) > 0 for j in joints):
        weight = gravity_torques(body.spec().compile())
        limits |= {j: config.torque_limit_gravity * weight[j] for j in joints if not limits.get(j, 0.0) > 0}
    missing = [j for j in joints if not limits.get(j, 0.0) > 0]
    if missing:
        why = "no muscle of it turns them" if body.muscles else "it has no muscles to take one from"
        raise ConfigError(
            f"body {body.name}: no torque limit for {', '.join(missing)}: {why}; give it (N m) with --set "
            f"""'actuation.torque_limits={{"{missing[0]}" = 0.1}}' (patterns such as "*" too), as a multiple of the """
            "weight carried with --set actuation.torque_limit_gravity=3, or in the body's torque_limits"
        )
    return {j: limits[j] * config.torque_scale for j in joints}


def _check(limits: Mapping[str, float], joints: tuple[str, ...], body: Body, where: str) -> None:
    for joint, limit in limits.items():
        if not of_patterns(joints, {joint: limit}):
            raise ConfigError(
                f"body {body.name}: {where} names joint {joint!r}, which is no hinge or slide of "
                f"the skeleton{did_you_mean(joint, joints)}"
            )
        if not limit > 0:
            raise ConfigError(f"body {body.name}: {where}.{joint} must be > 0 N m, got {limit}")


def _with_tendons(body: Body) -> mujoco.MjModel:
    spec = body.spec()
    sites = [s.name for s in spec.sites]
    for muscle in body.muscles:
        tendon = spec.add_tendon(name=muscle.name)
        for site in muscle.path:
            if site not in sites:
                raise ConfigError(
                    f"body {body.name}: muscle {muscle.name!r} passes site {site!r}, which the skeleton "
                    f"does not have{did_you_mean(site, sites)}"
                )
            tendon.wrap_site(site)
    return spec.compile()


def _moment_arms(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Return (tendon, dof) derivative of tendon length, m/rad."""
    dense = np.zeros((model.ntendon, model.nv))
    mujoco.mju_sparse2dense(dense, data.ten_J, model.ten_J_rownnz, model.ten_J_rowadr, model.ten_J_colind)
    return dense


@cache
def _scalar_types() -> frozenset[int]:
    return frozenset({int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE)})


def _is_scalar(joint_type: int) -> bool:
    return int(joint_type) in _scalar_types()


def _range(model: mujoco.MjModel, joint: int) -> tuple[float, float]:
    if model.jnt_limited[joint]:
        return tuple(model.jnt_range[joint])
    if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_HINGE:
        return -np.pi, np.pi
    rest = float(model.qpos0[model.jnt_qposadr[joint]])
    return rest, rest
