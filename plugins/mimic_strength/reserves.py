"""Reserve actuators: ideal motors on joints beside the muscles, for muscles that a body lacks.

The practice of OpenSim (Hicks et al. 2015, doi:10.1115/1.4029304): what reserves give is small, costs, and is reported
beside what the muscles give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core import Actuation, Body, ConfigError, did_you_mean
from mimic_strength import is_scalar, of_patterns

if TYPE_CHECKING:
    import mujoco

_PREFIX = "reserve_"


def reserve_limits(given: Mapping[str, float], body: Body) -> dict[str, float]:
    """Return joint → the largest force (N·m; N for a slide) of its reserve; joints without one are left out.

    What is given for a joint by its name comes first, then the first pattern that fits (``scapula_*``), then what the
    body says. 0 takes away the reserve that the body has there.

    Args:
        given: joint, or a pattern of names → limit, as the setting ``actuation.reserve`` says it.
        body: whose joints they are.

    Raises:
        ConfigError: no hinge or slide has a name, or a limit is negative or no number.
    """
    if not (given or body.reserves):
        return {}
    model = body.spec().compile()
    joints = [model.joint(j).name for j in range(model.njnt) if is_scalar(model, j)]
    for where, limits in (("actuation.reserve", given), ("reserves", body.reserves)):
        _check(limits, joints, body, where)
    named = {j: v for j, v in given.items() if j in joints}
    limits = {**of_patterns(joints, body.reserves), **of_patterns(joints, given), **named}
    return {j: float(limits[j]) for j in joints if limits.get(j, 0.0) > 0}


def _check(limits: Mapping[str, float], joints: Iterable[str], body: Body, where: str) -> None:
    for joint, limit in limits.items():
        if not of_patterns(joints, {joint: limit}):
            raise ConfigError(
                f"body {body.name}: {where} names joint {joint!r}, which is no hinge or slide of "
                f"the skeleton{did_you_mean(joint, joints)}"
            )
        if not (limit >= 0 and np.isfinite(limit)):
            raise ConfigError(
                f"body {body.name}: {where}.{joint} must be > 0 N m (N for a slide), or 0 for none, got {limit}"
            )


def with_reserves(actuation: Actuation, given: Mapping[str, float], time: float, body: Body) -> Actuation:
    """Return an actuation with a motor more on each joint that is to have a reserve, after its own actuators.

    The motor of a joint is called ``reserve_JOINT``; at activation 1 it gives its limit, at -1 the same the other way.
    Its activation follows its excitation with a time constant, da/dt = (u − a)/τ: what stands for muscles is not faster
    than they are, and a limb hung from a bone that is jerked would be thrown about.

    Args:
        actuation: of the muscles.
        given: see `reserve_limits`.
        time: τ, s; 0: the activation is the excitation.
        body: what is driven.

    Raises:
        ConfigError: see `reserve_limits`; or an actuator has such a name already.
    """
    limits = reserve_limits(given, body)
    if not limits:
        return actuation
    reserves = {_PREFIX + joint: joint for joint in limits}
    for name in set(reserves) & set(actuation.actuators):
        raise ConfigError(f"body {body.name}: has an actuator {name!r} of its own; leave actuation.reserve out for it")

    def apply(spec: mujoco.MjSpec) -> None:
        import mujoco

        actuation.apply(spec)
        for name, joint in reserves.items():
            motor = spec.add_actuator(
                name=name, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT, ctrllimited=True, ctrlrange=(-1.0, 1.0)
            )
            motor.set_to_motor()
            motor.gear[0] = limits[joint]
            if time:
                motor.dyntype, motor.dynprm[0] = mujoco.mjtDyn.mjDYN_FILTER, time

    bounds = {
        side: np.concatenate([np.broadcast_to(of, len(actuation.actuators)), np.full(len(reserves), end)])
        for side, of, end in (("low", actuation.low, -1.0), ("high", actuation.high, 1.0))
    }
    return attrs.evolve(
        actuation,
        actuators=(*actuation.actuators, *reserves),
        apply=apply,
        reserves=reserves,
        **bounds,
    )
