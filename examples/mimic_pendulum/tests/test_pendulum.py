import mimic_pendulum
import mujoco
import numpy as np
import pytest

from mimic_core import BodyModel
from mimic_core.testing import BodyConformance


class TestPendulum(BodyConformance):
    spec = next(iter(mimic_pendulum.mimic_bodies()))


def test_motors_can_hold_the_links_level():
    body = mimic_pendulum.build(mimic_pendulum.Pendulum(), "")
    model = BodyModel.compile(body)
    data = mujoco.MjData(model.mj_model)
    data.qpos[model.joint_qposadr[model.joint("hip")]] = np.pi / 2
    mujoco.mj_forward(model.mj_model, data)
    holding = {name: abs(data.qfrc_bias[model.joint_dofadr[model.joint(name)]]) for name in model.joint_names}
    assert holding == pytest.approx(dict(body.torque_limits), rel=1e-9)


def test_small_swings_have_the_period_of_the_slow_mode():
    """Two equal point masses on equal links: ω² = (2 − √2)·g/l (Landau & Lifshitz, Mechanics, §23, problem 2)."""
    model = BodyModel.compile(mimic_pendulum.build(mimic_pendulum.Pendulum(damping=0.0), ""))
    data = mujoco.MjData(model.mj_model)
    # in the slow mode the lower link's angle to the vertical is √2 times the upper one's
    start = {"hip": 0.01, "knee": 0.01 * (np.sqrt(2) - 1)}
    for name, angle in start.items():
        data.qpos[model.joint_qposadr[model.joint(name)]] = angle
    period = 2 * np.pi / np.sqrt((2 - np.sqrt(2)) * mimic_pendulum.GRAVITY / mimic_pendulum.Pendulum().length)
    while data.time < period:
        mujoco.mj_step(model.mj_model, data)
    back = {name: data.qpos[model.joint_qposadr[model.joint(name)]] for name in start}
    assert back == pytest.approx(start, rel=0.02)
