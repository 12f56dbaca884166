"""States, excitations and rolls to try engines with, and plain MuJoCo to compare them to."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from mimic_core.physics import Readings

ALL = frozenset(Readings._fields)


def random_excitation(model, steps, batch, seed=0, hold=10):
    """(step, batch, actuator), each drawn anew every 25 ms."""
    u = np.random.default_rng(seed).uniform(0, 1, (-(-steps // hold), batch, len(model.actuator_names)))
    return np.repeat(u, hold, axis=0)[:steps]


def starts(model, batch, seed=1):
    """States anywhere in the joints' ranges, the last half of them close to a limit and moving towards it."""
    rng = np.random.default_rng(seed)
    low, high = model.joint_range.T
    share = rng.uniform(0.2, 0.8, (batch, len(low)))
    towards = rng.choice([0.0, 1.0], share.shape)
    near = np.arange(batch)[:, None] >= batch // 2
    share = np.where(near, np.where(towards, 0.97, 0.03), share)
    speed = np.where(near, np.where(towards, 8.0, -8.0), rng.normal(0, 2, share.shape))
    return low + share * (high - low), speed, rng.uniform(0, 0.5, (batch, len(model.actuator_names)))


def roll(simulator, state, excitation):
    """States after every control step, a leading time axis."""

    def step(s, u):
        s = simulator.step(s, u)
        return s, s

    return jax.lax.scan(step, state, jnp.asarray(excitation))[1]


def plain_loop(model, qpos, qvel, activation, excitation, substeps=2):
    """mj_step in a loop; each control step's solver starts cold, as in the simulator."""
    m, out = model.mj_model, []
    for b in range(len(qpos)):
        d = mujoco.MjData(m)
        d.qpos, d.qvel, d.act = qpos[b], qvel[b], activation[b]
        track = []
        for u in excitation[:, b]:
            d.ctrl, d.qacc_warmstart = u, 0.0
            for _ in range(substeps):
                mujoco.mj_step(m, d)
            track.append(np.concatenate([d.qpos, d.qvel, d.act, [d.time]]))
        out.append(track)
    return np.moveaxis(np.array(out), 0, 1)
