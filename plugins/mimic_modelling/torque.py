"""How strong the joints of a model are: by its own actuators, by patterns of names, by what they carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mimic_core import DataError, did_you_mean
from mimic_strength import gravity_torques, is_scalar, of_patterns

if TYPE_CHECKING:
    import mujoco


def torque_limits(
    model: mujoco.MjModel, given: Mapping[str, float], gravity: float, where: str, path: Path
) -> dict[str, float]:
    """Return joint → torque limit, N·m (N for a slide).

    What is given for a joint by its name comes first, then what the model's own actuators can do (`torque_limits_of`),
    then the first pattern of names that fits, then ``gravity`` times `mimic_strength.gravity_torques`.

    Raises:
        DataError: a name or pattern fits no joint.
    """
    joints = [model.joint(j).name for j in range(model.njnt) if is_scalar(model, j)]
    for name in given:
        if not any(fnmatchcase(j, name) for j in joints):
            known = did_you_mean(name, joints) if joints else "; it has no hinges or slides"
            raise DataError(f"{where}: torque_limits: {path.name} has no hinge or slide {name!r}{known}")
    named = {j: given[j] for j in joints if j in given}
    limits = {**torque_limits_of(model), **named}
    limits = {**of_patterns(joints, given), **limits}
    weight = gravity_torques(model) if gravity else {}
    limits |= {j: gravity * weight[j] for j in weight if j not in limits and weight[j] > 0}
    return {j: limits[j] for j in joints if j in limits}


def torque_limits_of(model: mujoco.MjModel) -> dict[str, float]:
    """Return joint → the largest torque (N·m; N for a slide) that the model's own actuators can put on it.

    Counted are actuators on a joint, or on a fixed tendon, which puts its force times the joint's coefficient on each
    joint that it couples. Their force is what ``forcerange`` says (enforced or not), otherwise gain times ``ctrlrange``
    of a motor (fixed gain, no bias). Forces one way and forces the other are added up apart, and the larger sum is
    the limit. Muscles are not counted.
    """
    low, high = np.zeros(model.njnt), np.zeros(model.njnt)
    for i in range(model.nu):
        force = _force_range(model, i)
        for joint, arm in _moment_arms(model, i) if force else ():
            torque = np.sort(arm * np.array(force))
            low[joint] += min(torque[0], 0.0)
            high[joint] += max(torque[1], 0.0)
    limit = np.maximum(-low, high)
    return {model.joint(j).name: float(limit[j]) for j in range(model.njnt) if limit[j] > 0}


def _force_range(model: mujoco.MjModel, i: int) -> tuple[float, float] | None:
    """Lowest and highest force of an actuator, before its gear; None where nothing tells, and for a muscle."""
    import mujoco

    if model.actuator_dyntype[i] == int(mujoco.mjtDyn.mjDYN_MUSCLE):
        return None
    if np.any(model.actuator_forcerange[i]):
        return tuple(model.actuator_forcerange[i])
    is_motor = model.actuator_gaintype[i] == int(mujoco.mjtGain.mjGAIN_FIXED) and model.actuator_biastype[i] == int(
        mujoco.mjtBias.mjBIAS_NONE
    )
    if is_motor and model.actuator_ctrllimited[i]:
        return tuple(np.sort(model.actuator_gainprm[i][0] * model.actuator_ctrlrange[i]))
    return None


def _moment_arms(model: mujoco.MjModel, i: int) -> Iterator[tuple[int, float]]:
    """Yield (scalar joint, torque per unit of force) of an actuator on a joint or on a fixed tendon."""
    import mujoco

    target, gear = int(model.actuator_trnid[i][0]), float(model.actuator_gear[i][0])
    kind = mujoco.mjtTrn(model.actuator_trntype[i])
    if kind in (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT):
        if is_scalar(model, target):
            yield target, gear
    elif kind == mujoco.mjtTrn.mjTRN_TENDON:
        first = model.tendon_adr[target]
        for w in range(first, first + model.tendon_num[target]):
            if model.wrap_type[w] == int(mujoco.mjtWrap.mjWRAP_JOINT):
                yield int(model.wrap_objid[w]), gear * float(model.wrap_prm[w])
