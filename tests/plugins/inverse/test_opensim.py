"""Inverse dynamics and static optimisation beside OpenSim's, on the mouse's forelimb with ideal muscles."""

from __future__ import annotations

import copy

import attrs
import numpy as np
import pytest
from toys import compile_body

from mimic_static_optimisation.dynamics import Movement, load_of
from mimic_static_optimisation.effort import Demand, least_squared

pytest.importorskip("opensim", reason="OpenSim is not installed: pip install 'mimic-neuro[opensim]'")

RESERVE = 1e-5
"""N·m"""


@pytest.fixture(scope="module")
def arm(plugins):
    """The mouse's forelimb without armature, which OpenSim's joints do not have."""
    spec = plugins.get("body", "mouse_forelimb")
    model = compile_body(plugins, spec.make("paper"))
    mj_model = copy.copy(model.mj_model)
    mj_model.dof_armature[:] = 0.0
    mj_model.jnt_stiffness[:] = 0.0
    return attrs.evolve(model, mj_model=mj_model)


@pytest.fixture(scope="module")
def movement(arm):
    """Every joint makes a sine of 4 Hz within its range, whose derivatives are known."""
    t = np.arange(0.0, 0.3, 0.0025)
    size = dict(zip(arm.joint_names, (0.15, 0.15, 0.1, 0.25), strict=True))
    middle = {"sh_elv": -0.22, "sh_extension": -0.78, "sh_rotation": 1.0, "elbow": 0.08}
    turn = 2 * np.pi * 4.0
    wave = turn * t[:, None] + np.arange(len(arm.joint_names))
    size, middle = (np.array([of[n] for n in arm.joint_names]) for of in (size, middle))
    q, v, a = middle + size * np.sin(wave), size * turn * np.cos(wave), -size * turn**2 * np.sin(wave)
    return t, Movement(q, v, a, np.array([len(t)]), 400.0, np.zeros_like(q))


@pytest.fixture(scope="module")
def opensim_arm(arm):
    import opensim
    import opensim_arm

    opensim.Logger.setLevelString("error")

    def ideal(i: int):
        muscle = arm.body.muscles[i]
        actuator = opensim.PathActuator()
        actuator.setName(muscle.name)
        actuator.setOptimalForce(muscle.max_isometric_force)
        actuator.setMinControl(0.0)
        actuator.setMaxControl(1.0)
        return actuator

    return opensim_arm.build(arm, ideal, RESERVE)


def test_the_same_torque(arm, movement, opensim_arm):
    from opensim_arm import inverse_dynamics

    _, m = movement
    ours, theirs = load_of(arm, m).torque, inverse_dynamics(opensim_arm, arm.joint_names, m.qpos, m.qvel, m.qacc)
    assert np.sqrt((ours**2).mean()) > 2e-5
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_the_same_activation(arm, movement, opensim_arm, tmp_path):
    """Muscles of constant force along the same paths. OpenSim differentiates the angles itself, worst at the ends."""
    from opensim_arm import static_optimisation

    t, m = movement
    load = load_of(arm, m)
    forces = np.array([muscle.max_isometric_force for muscle in arm.body.muscles])
    gain = load.gain / load.force_gain[:, None] * forces  # moment arm · force
    ours = least_squared(Demand(gain / RESERVE, load.torque / RESERVE, 1.0))
    found = static_optimisation(opensim_arm, arm.joint_names, t, m.qpos, tmp_path, physiology=False)
    theirs = np.stack([found[n] for n in arm.muscle_names], axis=-1)
    assert ours.max() > 0.2 and len(theirs) == len(ours)
    np.testing.assert_allclose(ours[10:-10], theirs[10:-10], atol=5e-4)
    np.testing.assert_allclose(ours, theirs, atol=0.01)
