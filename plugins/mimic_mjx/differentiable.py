"""The differentiable view of a body: what changes so that gradients through the physics are finite.

Everything that training through the physics needs, and nothing else, is changed here, in one place:

=====================  ==========================================================================
muscle activation      the switch between the activation and deactivation time constants is
                       smoothed over 0.01 of excitation (`SMOOTHING`); at width 0 its gradient is 0/0
constraints            switched off in MuJoCo's solver: reverse mode through an active one is NaN. Contacts, couplings,
                       limits of tendons and dry friction come back as forces with continuous slopes
                       (`mimic_mjx.smooth`); what cannot is listed by `left_out`
joint limits           a spring and damper outside the range, as stiff as one physics step resolves
                       (`soft_limit_torque`)
solver                 one iteration (reverse mode needs a fixed number; with no constraints it is idle)
integrator             linearly implicit Euler with one physics step per control step (`mimic_mjx.implicit`): one
                       evaluation of the forces where Runge-Kutta at half the step takes eight, and no force is too
                       stiff for it. A body with contacts takes steps of 5 ms at most
=====================  ==========================================================================

Training may use this view. Reported numbers come from the body as it is.
"""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from jax import Array
from jaxtyping import Float

SMOOTHING = 0.01
_LONGEST_STEP = 0.005
"""s, of a body with contacts"""
_SHOWN = 4
"""names that are listed; the rest is counted"""
_DEPTH = 0.01
"""share of the joint's range; over this depth beyond a limit the soft limit sets in"""


def differentiable_view(model: mujoco.MjModel, control_dt: float, longest: float | None = None) -> mujoco.MjModel:
    """Return a copy of ``model`` with the changes in the table above (the soft limit is a force, see below).

    Args:
        longest: s, the longest step; None: see `mimic_mjx.settings.Settings.view_step_ms`.
    """
    view = copy.copy(model)
    muscles = view.actuator_dyntype == int(mujoco.mjtDyn.mjDYN_MUSCLE)
    # MuJoCo keeps the smoothing width as the third parameter of muscle dynamics
    view.actuator_dynprm[muscles, 2] = np.maximum(view.actuator_dynprm[muscles, 2], SMOOTHING)
    view.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    view.opt.iterations = 1
    view.opt.ls_iterations = 1
    longest = longest or (_LONGEST_STEP if "contacts" in constraints(model) else control_dt)
    view.opt.timestep = control_dt / max(1, int(np.ceil(control_dt / longest - 1e-9)))
    view.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
    return view


def dynamics_of(model: mujoco.MjModel, control_dt: float) -> str:
    """Return what steps the view of a body.

    ``compact`` (`mimic_mjx.tree`) for a small tree without constraints but joint limits, ``smooth``
    (`mimic_mjx.smooth`) for any other that it knows, with contacts, couplings and tendons, and ``mjx`` for the rest.
    """
    from mimic_mjx.smooth import unknown
    from mimic_mjx.tree import unsupported

    view = differentiable_view(model, control_dt)
    if not constraints(model) and unsupported(view) is None:
        return "compact"
    return "mjx" if unknown(view) else "smooth"


def left_out(model: mujoco.MjModel, control_dt: float) -> list[str]:
    """Return what about a model this view does without."""
    from mimic_mjx.smooth import left_out

    way = dynamics_of(model, control_dt)
    if way == "smooth":
        return left_out(model)
    return [what + _because(model, control_dt, way) for what in constraints(model)]


def without_ground(model: mujoco.MjModel, control_dt: float) -> str:
    """Return which contacts with what stands still this view does without, or nothing."""
    from mimic_mjx.ground import touching
    from mimic_mjx.rows import not_kept

    way = dynamics_of(model, control_dt)
    lost = not_kept(model) if way == "smooth" else list(touching(model))
    fixed = [t for t in lost if 0 in model.body_weldid[model.geom_bodyid[[t.geom1, t.geom2]]]]
    names = list(dict.fromkeys(model.geom(g).name or "a geom" for t in fixed for g in (t.geom1, t.geom2)))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"contacts of {', '.join(names[:_SHOWN])}{more}{_because(model, control_dt, way)}" if fixed else ""


def _because(model: mujoco.MjModel, control_dt: float, way: str) -> str:
    """Say what sends a body through MJX, whose gradients have no constraints."""
    from mimic_mjx.smooth import unknown

    return f" (since it has {', '.join(unknown(differentiable_view(model, control_dt)))})" if way == "mjx" else ""


def constraints(model: mujoco.MjModel) -> list[str]:
    """Return the kinds of constraints that a model has beside the limits of its joints."""
    from mimic_mjx.ground import touching

    there = {
        "contacts": any(True for _ in touching(model)),
        "equality constraints": model.neq and model.eq_active0.any(),
        "dry friction": np.any(model.dof_frictionloss) or np.any(model.tendon_frictionloss),
        "limits of tendons": np.any(model.tendon_limited),
    }
    return [what for what, is_there in there.items() if is_there]


def soft_limit_torque(model: mujoco.MjModel, joint_ids: np.ndarray):
    """Return ``f(joint_pos, joint_vel) -> torque`` (joint,) that stands in for hard joint limits.

    A violation r of a limit is met with −I·(s(r)/τ² + 2·s'(r)·v/τ): critically damped, with the joint's inertia I at
    the reference pose and a time constant τ of one physics step, as hard as the step resolves. s' goes from 0 to 1
    along the smoothstep 3x² − 2x³ over the first hundredth of the joint's range, so that the torque has a continuous
    slope.
    """
    limited = model.jnt_limited[joint_ids].astype(bool)
    low = np.where(limited, model.jnt_range[joint_ids, 0], -np.inf)
    high = np.where(limited, model.jnt_range[joint_ids, 1], np.inf)
    depth = np.where(limited, _DEPTH * np.ptp(model.jnt_range[joint_ids], axis=1), 1.0)
    inertia, time_constant = model.dof_M0[model.jnt_dofadr[joint_ids]], model.opt.timestep

    def torque(joint_pos: Float[Array, " joint"], joint_vel: Float[Array, " joint"]) -> Float[Array, " joint"]:
        above, below = jax.nn.relu(joint_pos - high), jax.nn.relu(low - joint_pos)
        beyond = above + below
        x = jnp.minimum(beyond / depth, 1.0)
        rise = depth * x**3 * (1.0 - 0.5 * x) + jax.nn.relu(beyond - depth)
        slope = x**2 * (3.0 - 2.0 * x)
        push = jnp.sign(below - above) * rise / time_constant - 2.0 * slope * joint_vel
        return inertia / time_constant * push

    return torque
