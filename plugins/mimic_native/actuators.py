"""Put a model's own actuators back on its skeleton."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

import attrs
import mujoco
import numpy as np
from jaxtyping import Float

from mimic_core import Actuation, Body, ConfigError, did_you_mean
from mimic_strength.holding import holding_activation
from mimic_strength.reserves import with_reserves

if TYPE_CHECKING:
    from mimic_native.settings import Settings

_NOT_COPIED = {"classname", "compiler", "id", "info", "name", "plugin", "signature", "userdata"}
"""Of an actuator's specification: what belongs to the specification that it is part of."""


def build_actuation(config: Settings, body: Body) -> Actuation:
    """Return the actuation that drives every actuator of ``body.actuators``, and reserves (`mimic_strength.reserves`).

    An actuator's bounds are its control range; those of a muscle without one are 0 and 1.

    Raises:
        ConfigError: the body has no actuators of its own, MuJoCo rejects them, one has several states, one that is no
            muscle has no control range, a pattern of ``control_range`` fits none, or a reserve is for no joint.
    """
    if not body.actuators:
        raise ConfigError(
            f"body {body.name}: has no actuators of its own for the actuation 'native' to drive; use actuation = "
            f"'{'hill' if body.muscles else 'torque'}'"
        )
    ranges = _chosen_ranges(config, body)

    def apply(spec: mujoco.MjSpec) -> None:
        lengths = length_scale()
        for own in _own(body):
            actuator = spec.add_actuator(name=own.name)
            for field in _fields():
                _copy(own, actuator, field)
            if own.name in ranges:
                actuator.ctrlrange, actuator.ctrllimited = ranges[own.name], mujoco.mjtLimited.mjLIMITED_TRUE
            if own.trntype == mujoco.mjtTrn.mjTRN_TENDON:
                actuator.lengthrange = own.lengthrange * lengths.get(own.target, 1.0)

    @cache
    def length_scale() -> dict[str, float]:
        return _length_scale(body) if body.segment_scale else {}

    model = _compiled(body, apply)
    low, high = _bounds(model, body)
    names = tuple(model.actuator(i).name for i in range(model.nu))
    points = set_points if _servos(model).any() else None
    bounds = {"low": low, "high": high}
    own = Actuation(name="native", actuators=names, **bounds, apply=apply, hold=holding_activation, set_points=points)
    return with_reserves(own, config.reserve, config.reserve_time, body)


def _servos(m: mujoco.MjModel) -> np.ndarray:
    """(actuator,) True where a force that pulls back is fixed in slope and can be shifted by control."""
    fixed = (m.actuator_gaintype == mujoco.mjtGain.mjGAIN_FIXED) & (m.actuator_gainprm[:, 0] != 0)
    pulls = (m.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE) & (m.actuator_biasprm[:, 1] < 0)
    kinds = (mujoco.mjtDyn.mjDYN_NONE, mujoco.mjtDyn.mjDYN_FILTER, mujoco.mjtDyn.mjDYN_FILTEREXACT)
    return fixed & pulls & np.isin(m.actuator_dyntype, [int(k) for k in kinds])


def set_points(
    m: mujoco.MjModel, qpos: Float[np.ndarray, "step qpos"], dt: float
) -> Float[np.ndarray, "step actuator"]:
    """Return the control with which servos follow poses ``dt`` s apart, NaN for other actuators.

    It is the control that gives no force at rest in a pose, −(b₀ + b₁·length)/gain (MuJoCo documentation, "Computation:
    Actuation model"); a servo with a filter of time constant τ is given τ times its rate more, so that the filtered one
    is right.
    """
    data, lengths = mujoco.MjData(m), np.empty((len(qpos), m.nu))
    for row, pose in zip(lengths, qpos, strict=True):
        data.qpos[:] = pose
        mujoco.mj_fwdPosition(m, data)
        row[:] = data.actuator_length
    servos, bias = _servos(m), m.actuator_biasprm
    rest = -(bias[:, 0] + bias[:, 1] * lengths) / np.where(servos, m.actuator_gainprm[:, 0], 1.0)
    tau = np.where(m.actuator_dyntype == mujoco.mjtDyn.mjDYN_NONE, 0.0, m.actuator_dynprm[:, 0])
    rate = np.gradient(rest, dt, axis=0) if len(rest) > 1 else 0.0
    return np.where(servos, rest + tau * rate, np.nan)


def _own(body: Body) -> list[mujoco.MjsActuator]:
    return _parsed(body.actuators).actuators


@cache
def _parsed(text: str) -> mujoco.MjSpec:
    return mujoco.MjSpec.from_string(text)


@cache
def _fields() -> tuple[str, ...]:
    """Names of an actuator's numbers and texts."""
    blank = mujoco.MjSpec().add_actuator()
    names = [n for n in dir(blank) if not n.startswith("_") and n not in _NOT_COPIED]
    return tuple(n for n in names if not callable(getattr(blank, n)))


def _copy(source: mujoco.MjsActuator, target: mujoco.MjsActuator, field: str) -> None:
    value = getattr(source, field)
    if isinstance(value, np.ndarray):
        getattr(target, field)[:] = value
    else:
        setattr(target, field, value)


def _compiled(body: Body, apply: Any) -> mujoco.MjModel:
    try:
        spec = body.spec()
        apply(spec)
        return spec.compile()
    except ValueError as e:
        raise ConfigError(
            f"body {body.name}: MuJoCo cannot compile it with its own actuators: {' '.join(str(e).split())}"
        ) from e


def _chosen_ranges(config: Settings, body: Body) -> Mapping[str, tuple[float, float]]:
    names = [a.name for a in _own(body)]
    for pattern in config.control_range:
        if not any(fnmatchcase(n, pattern) for n in names):
            raise ConfigError(
                f"actuation.control_range: no actuator of body {body.name} is called "
                f"{pattern!r}{did_you_mean(pattern, names)}"
            )
    fitting = {n: [p for p in config.control_range if fnmatchcase(n, p)] for n in names}
    return {n: config.control_range[patterns[0]] for n, patterns in fitting.items() if patterns}


def _bounds(model: mujoco.MjModel, body: Body) -> tuple[np.ndarray, np.ndarray]:
    """Return lowest and highest control, (actuator,) each."""
    several = [model.actuator(i).name for i in np.flatnonzero(model.actuator_actnum > 1)]
    if several:
        raise ConfigError(
            f"body {body.name}: {', '.join(several)} have more than one state, and mimic holds one of each actuator; "
            "give the model actuators with one state, or none"
        )
    muscle = model.actuator_dyntype == int(mujoco.mjtDyn.mjDYN_MUSCLE)
    limited = model.actuator_ctrllimited.astype(bool)
    boundless = [model.actuator(i).name for i in np.flatnonzero(~(limited | muscle))]
    if boundless:
        raise ConfigError(
            f"body {body.name}: no control range for {', '.join(boundless)}; give ctrlrange in the model, or "
            f"""--set 'actuation.control_range={{"{boundless[0]}" = [-1, 1]}}' (patterns such as "*" too)"""
        )
    low, high = (np.where(limited, model.actuator_ctrlrange[:, i], float(i)) for i in (0, 1))
    # MuJoCo takes no excitation of a muscle below 0 or above 1, whatever its range says: there nothing would be learned
    return np.where(muscle, np.clip(low, 0.0, 1.0), low), np.where(muscle, np.clip(high, 0.0, 1.0), high)


def _length_scale(body: Body) -> dict[str, float]:
    """Return tendon → how much longer it is than with the model's own segments, in the model's reference pose.

    The lengths over which a muscle works are taken to grow like the length of its path.
    """
    now, before = (b.skeleton().compile() for b in (body, attrs.evolve(body, segment_scale={})))
    names = [now.tendon(i).name for i in range(now.ntendon)]
    ratio = now.tendon_length0 / np.maximum(before.tendon_length0, np.finfo(float).tiny)
    return dict(zip(names, np.where(before.tendon_length0 > 0, ratio, 1.0), strict=True))
