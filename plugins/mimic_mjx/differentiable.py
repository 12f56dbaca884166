"""The differentiable view of a body: what changes so that gradients through the physics are finite.

Everything that training through the physics needs, and nothing else, is changed here, in one place:

=====================  ==========================================================================
muscle activation      the switch between the activation and deactivation time constants is
                       smoothed over 0.01 of excitation (`SMOOTHING`); at width 0 its gradient is 0/0
constraints            switched off: reverse mode through an active joint limit is NaN
joint limits           a spring and damper outside the range, with the time constant and damping
                       ratio of the joint's own ``solref`` (`soft_limit_torque`)
solver                 one iteration (reverse mode needs a fixed number; with no constraints it is idle)
integrator             semi-implicit Euler with one physics step per control step: one evaluation of the forces
                       where Runge-Kutta at half the step takes eight
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
_GATE_RAD = 0.01
"""rad; over this depth beyond a limit the damper of the soft limit fades in"""


def differentiable_view(model: mujoco.MjModel, control_dt: float) -> mujoco.MjModel:
    """Return a copy of ``model`` with the changes in the table above (the soft limit is a force, see below)."""
    view = copy.copy(model)
    muscles = view.actuator_dyntype == int(mujoco.mjtDyn.mjDYN_MUSCLE)
    # MuJoCo keeps the smoothing width as the third parameter of muscle dynamics
    view.actuator_dynprm[muscles, 2] = np.maximum(view.actuator_dynprm[muscles, 2], SMOOTHING)
    view.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    view.opt.iterations = 1
    view.opt.ls_iterations = 1
    view.opt.timestep = control_dt
    view.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
    return view


def soft_limit_torque(model: mujoco.MjModel, joint_ids: np.ndarray):
    """Return ``f(joint_pos, joint_vel) -> torque`` (joint,) that stands in for hard joint limits.

    A violation r of a limit is met with −I·(k·r + b·v·gate), where I is the joint's inertia at the
    reference pose and k = 1/(d²τ²), b = 2/τ follow from the joint's ``solref`` (τ, d) as in MuJoCo's own
    soft constraints (MuJoCo documentation, "Computation: Solver parameters").
    """
    limited = model.jnt_limited[joint_ids].astype(bool)
    low = np.where(limited, model.jnt_range[joint_ids, 0], -np.inf)
    high = np.where(limited, model.jnt_range[joint_ids, 1], np.inf)
    inertia = model.dof_M0[model.jnt_dofadr[joint_ids]]
    time_constant = np.maximum(model.jnt_solref[joint_ids, 0], 2 * model.opt.timestep)
    damping_ratio = np.maximum(model.jnt_solref[joint_ids, 1], 1e-3)
    stiffness = inertia / (time_constant * damping_ratio) ** 2
    damping = 2 * inertia / time_constant

    def torque(joint_pos: Float[Array, " joint"], joint_vel: Float[Array, " joint"]) -> Float[Array, " joint"]:
        above, below = jax.nn.relu(joint_pos - high), jax.nn.relu(low - joint_pos)
        gate = jnp.minimum((above + below) / _GATE_RAD, 1.0)
        return stiffness * (below - above) - damping * gate * joint_vel

    return torque
