"""What keeps the differentiable view stable: soft joint limits, and a step that resisting forces do not overshoot."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from mujoco import mjx
from toys import enable_x64, make_simulator

from mimic_core import Body, BodyModel, Physics
from mimic_core.errors import ConfigError
from mimic_mjx.differentiable import soft_limit_torque
from mimic_mjx.implicit import linearly_implicit_step, resistance, response
from mimic_mjx.settings import Settings
from mimic_mjx.simulator import MjxSimulator

HINGE = """<mujoco><worldbody>
<body><joint name="limited" axis="0 0 1" range="-30 60" armature="0.001"/>
<inertial pos="0 0 0" mass="1" diaginertia="0.002 0.002 0.003"/></body>
<body pos="1 0 0"><joint name="free" axis="0 0 1"/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/></body>
</worldbody></mujoco>"""
_LOW, _HIGH = np.deg2rad([-30.0, 60.0])
_DEPTH = np.deg2rad(0.9)  # a hundredth of the range


def soft_limit():
    """Of `HINGE`, whose inertia is 0.004 kg·m², for steps of 0.01 s: (angle, speed) of the limited one -> torque."""
    model = mujoco.MjModel.from_xml_string(HINGE)
    model.opt.timestep = 0.01
    both = soft_limit_torque(model, np.array([0, 1]))

    def torque(angle, speed):
        limited, free = both(jnp.stack([angle, jnp.full_like(angle, 50.0)]), jnp.stack([speed, speed]))
        return limited, free

    return torque


@pytest.mark.parametrize(
    ("angle", "speed", "expected"),
    [
        (0.3, 9.0, 0.0),  # inside
        (_HIGH + 0.1, 0.0, -0.004 * 1e4 * (0.1 - _DEPTH / 2)),  # I/τ² = 40
        (_HIGH + 0.1, 2.0, -40 * (0.1 - _DEPTH / 2) - 0.004 * 200 * 2.0),  # 2I/τ = 0.8
        (_LOW - 0.05, -3.0, 40 * (0.05 - _DEPTH / 2) + 0.8 * 3.0),
        (
            _HIGH + _DEPTH / 2,
            2.0,
            -40 * 3 / 32 * _DEPTH - 0.8 * 0.5 * 2.0,
        ),  # x = 1/2: x³(1 − x/2) = 3/32, 3x² − 2x³ = 1/2
    ],
)
def test_soft_limit_by_hand(angle, speed, expected):
    with enable_x64(True):
        torque = soft_limit()(jnp.asarray(angle), jnp.asarray(speed))
    np.testing.assert_allclose(torque, [expected, 0.0], rtol=1e-12, atol=1e-12)


def test_soft_limit_points_back_and_its_slope_is_smooth():
    """Across both limits: the torque on a joint at rest never pushes out; its slope is that of finite differences."""
    with enable_x64(True):
        torque = jax.vmap(soft_limit())
        angle = jnp.concatenate([jnp.linspace(at - 0.05, at + 0.05, 2001) for at in (_LOW, _HIGH)])
        still, moving = jnp.zeros_like(angle), jnp.full_like(angle, 3.0)
        assert (torque(angle, still)[0] * jnp.sign(angle - 0.5 * (_LOW + _HIGH)) <= 0).all()
        h = 1e-7
        for speed in (still, moving, -moving):
            one = jnp.ones_like(angle)
            slope = jax.jvp(lambda a, v=speed: torque(a, v)[0], (angle,), (one,))[1]
            by_difference = (torque(angle + h, speed)[0] - torque(angle - h, speed)[0]) / (2 * h)
            np.testing.assert_allclose(slope, by_difference, rtol=1e-5, atol=1e-2)
            assert np.abs(np.diff(slope)).max() < 0.02 * np.abs(slope).max()  # no jump anywhere


def test_resistance_by_hand():
    """A spring that pushes, a spring that pulls on, and a damper that saturates: its slope is taken at rest."""

    def force(position, velocity):
        return jnp.array([-3.0, 2.0, 0.0]) * position - jnp.array([0.5, -1.0, 4.0]) * jnp.tanh(velocity)

    stiffness, damping = resistance(force, jnp.ones(3), jnp.full(3, 20.0))
    np.testing.assert_allclose(stiffness, [3.0, 0.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(damping, [0.5, 0.0, 4.0], rtol=1e-6)


def test_a_response_is_the_force_where_it_moves_beside_its_resistance():
    def force(position, velocity):
        return -3.0 * position**2 - jnp.tanh(velocity), {"speed": 2.0 * velocity}

    position, velocity = jnp.array([1.0, -2.0]), jnp.array([0.5, 20.0])
    (value, beside), stiffness, damping = response(force, position, velocity)
    np.testing.assert_allclose(value, force(position, velocity)[0], rtol=1e-6)
    np.testing.assert_allclose(beside["speed"], [1.0, 40.0], rtol=1e-6)
    np.testing.assert_allclose(stiffness, [6.0, 0.0], rtol=1e-6)  # at -2 it rises
    np.testing.assert_allclose(damping, [1.0, 1.0], rtol=1e-6)  # at rest, however fast it moves


STIFF = """<mujoco><option gravity="0 0 0" timestep="0.01"/><worldbody><body>
<joint name="x" type="slide" axis="1 0 0" stiffness="3000" damping="50"/><geom size="0.1" mass="0.5"/>
</body></worldbody><actuator><general joint="x" biastype="affine" biasprm="0 -2000 -400"/></actuator></mujoco>"""


def test_a_linearly_implicit_step_by_hand():
    """(m + h·b + h²·k)·Δv = −h·(k·x + b·v) − h²·k·v, k = 3000 + 2000 + 1000 (applied), b = 50 + 400 + 10 (applied)."""
    with enable_x64(True):
        host = mujoco.MjModel.from_xml_string(STIFF)
        m = mjx.put_model(host, impl="jax")
        x, v, h = 0.1, -2.0, 0.01
        d = mjx.make_data(host, impl="jax").replace(
            qpos=jnp.array([x]), qvel=jnp.array([v]), qfrc_applied=jnp.array([-1000 * x - 10 * v])
        )
        after = jax.jit(linearly_implicit_step)(m, d, jnp.array([1000.0]), jnp.array([10.0]))
    change = -h * (6000 * x + 460 * v + h * 6000 * v) / (0.5 + h * 460 + h**2 * 6000)
    np.testing.assert_allclose(after.qvel, v + change, rtol=1e-9)
    np.testing.assert_allclose(after.qpos, x + h * (v + change), rtol=1e-9)


def test_the_view_for_gradients_takes_no_other_integrator(plugins, toy_model):
    with pytest.raises(ConfigError, match=r"simulator.integrator: 'rk4' is not for training by gradients"):
        make_simulator(plugins, "mjx", toy_model, differentiable=True, integrator="rk4")


def test_a_step_of_the_view_is_not_for_the_bodys_own_physics(plugins, toy_model):
    with pytest.raises(ConfigError, match=r"simulator.view_step_ms: .* leave it out, or train with simulator.view"):
        make_simulator(plugins, "mjx", toy_model, view_step_ms=1.0)


@pytest.mark.parametrize(("view_step_ms", "steps"), [(None, 1), (4.0, 3), (1.0, 10)])
def test_a_swing_dies_away_by_what_the_length_of_the_steps_takes(view_step_ms, steps):
    """An undamped spring: the map of a step h has the determinant 1/(1 + h²ω²), by hand."""
    omega, dt, n = 20 * np.pi, 0.01, 5
    mjcf = f"""<mujoco><option gravity="0 0 0"/><worldbody><body>
    <joint name="x" type="slide" stiffness="{omega**2}"/><inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>
    <site name="end"/></body></worldbody><actuator><motor name="m" joint="x"/></actuator></mujoco>"""
    model = BodyModel.compile(Body(name="swing", mjcf=mjcf, physics=Physics(timestep=0.001, integrator="euler")))
    with enable_x64(True):
        sim = MjxSimulator(Settings(view_step_ms=view_step_ms), model, dt, differentiable=True)
        state = sim.reset(np.array([[1.0], [0.0]]), np.array([[0.0], [omega]]), np.zeros((2, 1)))
        for _ in range(n):
            state = sim.step(state, jnp.zeros((2, 1)))
        left = np.linalg.det(np.concatenate([state.qpos, state.qvel / omega], axis=1))
    np.testing.assert_allclose(left, (1 + (omega * dt / steps) ** 2) ** (-n * steps), rtol=1e-5)
