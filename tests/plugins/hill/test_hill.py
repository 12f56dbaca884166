"""The `hill` actuation: its curves against hand-worked values and MuJoCo, its actuators on a body."""

from __future__ import annotations

import math

import attrs
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mimic_core import BodyModel, ConfigError, Muscle
from mimic_core.chain import discover
from mimic_core.config import structure
from mimic_core.testing.toy import toy_body
from mimic_hill import curves
from mimic_hill.settings import Settings


def hill(body, **settings):
    spec = discover().get("actuation", "hill")
    return spec.build(spec.config(**settings), body)


# --- curves, by hand ---


@pytest.mark.parametrize(
    ("length", "force"),
    [
        (0.4, 0.0),
        (0.5, 0.0),
        (0.625, 0.125),
        (0.75, 0.5),
        (0.875, 0.875),
        (1.0, 1.0),
        (1.15, 0.875),
        (1.3, 0.5),
        (1.45, 0.125),
        (1.6, 0.0),
        (1.7, 0.0),
    ],
)
def test_active_force_length_by_hand(length, force):
    assert curves.active_force_length(np.float64(length)) == pytest.approx(force, abs=1e-12)


@pytest.mark.parametrize(
    ("velocity", "factor"),
    [
        (-2.0, 0.0),
        (-1.0, 0.0),
        (-0.5, 0.25),
        (-0.25, 0.5625),
        (0.0, 1.0),
        (0.1, 1.15),
        (0.2, 1.2),
        (1.0, 1.2),
    ],
)
def test_force_velocity_by_hand(velocity, factor):
    # 0.1: 1.2 - (0.2 - 0.1)^2 / 0.2
    assert curves.force_velocity(np.float64(velocity)) == pytest.approx(factor, abs=1e-12)


def test_force_velocity_without_eccentric_rise():
    np.testing.assert_array_equal(curves.force_velocity(np.array([-0.5, 0.0, 0.3]), eccentric_force=1.0), [0.25, 1, 1])


@pytest.mark.parametrize(
    ("length", "force"),
    [
        (0.5, 0.0),
        (1.0, 0.0),
        (1.15, 0.1625),
        (1.3, 0.65),
        (1.6, 1.95),
        (1.9, 3.25),
    ],
)
def test_passive_force_length_by_hand(length, force):
    # 1.15 is half-way up the toe: 1.3 * (1/2)^2 / 2; beyond 1.3 the slope is 1.3 / 0.3
    assert curves.passive_force_length(np.float64(length)) == pytest.approx(force, abs=1e-12)


@pytest.mark.parametrize(
    ("excitation", "activation", "rate"),
    [
        (1.0, 0.0, 1 / 0.005),  # rising, 10 ms * 0.5
        (1.0, 0.5, 0.5 / 0.0125),  # 10 ms * 1.25
        (0.0, 1.0, -1 / 0.02),  # falling, 40 ms / 2
        (0.0, 0.5, -0.5 / 0.032),  # 40 ms / 1.25
        (0.3, 0.3, 0.0),
        (7.0, 0.0, 1 / 0.005),  # excitation is clipped to 0..1
    ],
)
def test_activation_rate_by_hand(excitation, activation, rate):
    assert curves.activation_rate(np.float64(excitation), np.float64(activation)) == pytest.approx(rate, abs=1e-9)


def test_smoothed_activation_rate_by_hand():
    # Gap +0.025 of width 0.1: x = 0.75, smoothstep = 6 x^5 - 15 x^4 + 10 x^3 = 0.896484375.
    activation, gap, share = 0.5, 0.025, 0.896484375
    tau = 0.032 + (0.0125 - 0.032) * share
    got = curves.activation_rate(np.float64(activation + gap), np.float64(activation), smoothing=0.1)
    assert got == pytest.approx(gap / tau, rel=1e-12)


def test_normalised_length_by_hand():
    # 4..8 mm onto 0.6..1.1: the optimal fibre is 8 mm long, and 5 mm of path is 1 mm beyond the shortest.
    length, optimal = curves.normalised_length(0.005, np.array([0.004, 0.008]), (0.6, 1.1))
    assert optimal == pytest.approx(0.008, abs=1e-15)
    assert length == pytest.approx(0.725, abs=1e-12)


# --- curves, against MuJoCo's own ---

unit = st.floats(0, 1)


@st.composite
def muscles(draw) -> Muscle:
    low = draw(st.floats(0.3, 0.95))
    return Muscle(
        name="m",
        path=("a", "b"),
        max_isometric_force=draw(st.floats(0.01, 10)),
        operating_range=(low, low + draw(st.floats(0.05, 1))),
        max_shortening_velocity=draw(st.floats(0.5, 20)),
        activation_time=draw(st.floats(1e-3, 0.1)),
        deactivation_time=draw(st.floats(1e-3, 0.2)),
        passive_force=draw(st.floats(0.1, 3)),
        eccentric_force=draw(st.floats(1.01, 2)),
        length_min=draw(st.floats(0.1, 0.9)),
        length_max=draw(st.floats(1.1, 2.5)),
    )


@given(muscles(), st.floats(0, 0.03), st.floats(-0.5, 0.5), st.floats(1e-3, 0.02), st.floats(1e-3, 0.02))
def test_tension_equals_mujoco(muscle, length, velocity, shortest, span):
    prm = np.array(
        [
            *muscle.operating_range,
            muscle.max_isometric_force,
            200,
            muscle.length_min,
            muscle.length_max,
            muscle.max_shortening_velocity,
            muscle.passive_force,
            muscle.eccentric_force,
        ]
    )
    length_range = np.array([shortest, shortest + span])
    gain = mujoco.mju_muscleGain(length, velocity, length_range, 1.0, prm)
    bias = mujoco.mju_muscleBias(length, length_range, 1.0, prm)
    active, relaxed = (float(curves.tension(muscle, length, velocity, a, length_range)) for a in (1.0, 0.0))
    scale = muscle.max_isometric_force + abs(bias)
    assert relaxed == pytest.approx(-bias, abs=1e-9 * scale)
    assert active - relaxed == pytest.approx(-gain, abs=1e-9 * scale)
    assert gain <= 0 and bias <= 0 and active >= relaxed >= 0  # a muscle pulls and never pushes


@given(
    st.floats(-0.5, 1.5),
    st.floats(-0.2, 1.2),
    st.floats(1e-3, 0.1),
    st.floats(1e-3, 0.2),
    st.one_of(st.just(0.0), st.floats(1e-3, 1)),
)
def test_activation_rate_equals_mujoco(excitation, activation, rise, fall, smoothing):
    rate = float(curves.activation_rate(excitation, activation, rise, fall, smoothing))
    assert rate == pytest.approx(
        mujoco.mju_muscleDynamics(excitation, activation, np.array([rise, fall, smoothing])), rel=1e-9, abs=1e-9
    )
    assert np.sign(rate) == np.sign(np.clip(excitation, 0, 1) - activation)


@given(st.floats(0.1, 0.9), st.floats(1.1, 2.5), st.floats(0, 3))
def test_active_force_length_is_a_bump(length_min, length_max, length):
    force = curves.active_force_length(length, length_min, length_max)
    assert 0 <= force <= 1
    assert curves.active_force_length(1.0, length_min, length_max) == 1


@given(st.floats(-3, 3), st.floats(0, 1), st.floats(1.01, 2))
def test_force_velocity_rises(velocity, step, eccentric_force):
    slow, fast = (curves.force_velocity(v, eccentric_force) for v in (velocity, velocity + step))
    assert 0 <= slow <= fast + 1e-12 <= eccentric_force + 2e-12


@given(unit, unit)
def test_activation_stays_between_its_start_and_the_excitation(excitation, activation):
    dt, a = 1e-4, activation
    for _ in range(50):
        a += dt * float(curves.activation_rate(excitation, a))
    low, high = sorted((excitation, activation))
    assert low - 1e-12 <= a <= high + 1e-12


# --- curves in jax ---


def test_curves_in_jax_equal_numpy():
    muscle = toy_body().muscles[0]
    rng = np.random.default_rng(0)
    length, velocity, activation = rng.uniform(0.004, 0.018, 200), rng.uniform(-0.2, 0.2, 200), rng.uniform(0, 1, 200)
    length_range = np.array([0.0056, 0.0159])
    numbers = curves.tension(muscle, length, velocity, activation, length_range)
    traced = jax.jit(lambda *x: curves.tension(muscle, *x, length_range, xp=jnp))(length, velocity, activation)
    np.testing.assert_allclose(traced, numbers, rtol=2e-5, atol=1e-6)


def test_gradients_are_finite_at_every_joint_of_the_pieces():
    for x in (0.5, 0.75, 1.0, 1.3, 1.6):
        assert math.isfinite(jax.grad(lambda v: curves.active_force_length(v, xp=jnp))(x))
        assert math.isfinite(jax.grad(lambda v: curves.passive_force_length(v, xp=jnp))(x))
    for x in (-1.0, 0.0, 0.2):
        assert math.isfinite(jax.grad(lambda v: curves.force_velocity(v, xp=jnp))(x))
    for u, a in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0)):
        slope = jax.grad(lambda v, a=a: curves.activation_rate(v, a, smoothing=0.01, xp=jnp))(u)
        assert math.isfinite(slope) and slope >= 0


def test_gradient_equals_finite_differences():
    for x in (0.6, 0.9, 1.1, 1.5):
        slope = jax.grad(lambda v: curves.active_force_length(v, xp=jnp))(x)
        numeric = (curves.active_force_length(x + 1e-6) - curves.active_force_length(x - 1e-6)) / 2e-6
        assert float(slope) == pytest.approx(float(numeric), rel=1e-4, abs=1e-6)


# --- actuators on a body ---


def test_actuation_of_the_toy_body():
    body = toy_body()
    actuation = hill(body)
    assert (actuation.name, actuation.low, actuation.high) == ("hill", 0.0, 1.0)
    assert actuation.actuators == ("flexor", "extensor")
    np.testing.assert_allclose(actuation.excitation(np.array([-1.0, 0.0, 1.0])), [0, 0.5, 1])
    model = BodyModel.compile(body, actuation)
    assert model.muscle_names == model.actuator_names == actuation.actuators
    np.testing.assert_array_equal(model.muscle_ids, [0, 1])
    flexor = model.mj_model.actuator("flexor")
    np.testing.assert_array_equal(flexor.gainprm[:9], [0.7, 1.2, 0.5, 200, 0.5, 1.6, 15, 1.3, 1.2])
    np.testing.assert_array_equal(flexor.dynprm[:3], [0.01, 0.04, 0])
    np.testing.assert_array_equal(flexor.ctrlrange, [0, 1])
    assert flexor.ctrllimited
    assert [model.mj_model.site(i).name for i in model.mj_model.wrap_objid] == [s for m in body.muscles for s in m.path]


def test_settings_reach_the_muscles():
    body = toy_body()
    model = BodyModel.compile(body, hill(body, smoothing=0.02, force_scale=0.5)).mj_model
    np.testing.assert_array_equal(model.actuator_dynprm[:, :3], [[0.01, 0.04, 0.02]] * 2)
    np.testing.assert_allclose(model.actuator_gainprm[:, 2], 0.25)


def test_length_range_is_the_shortest_and_longest_path():
    """Against a search over the joints' range; MuJoCo finds it with soft limits, so a few percent apart."""
    body = toy_body()
    model = BodyModel.compile(body, hill(body))
    data = mujoco.MjData(model.mj_model)
    lengths = []
    for shoulder in np.linspace(*model.joint_range[model.joint("shoulder")], 41):
        for elbow in np.linspace(*model.joint_range[model.joint("elbow")], 41):
            data.qpos[model.joint_qposadr] = shoulder, elbow
            mujoco.mj_fwdPosition(model.mj_model, data)
            lengths.append(data.ten_length.copy())
    searched = np.stack([np.min(lengths, axis=0), np.max(lengths, axis=0)], axis=1)
    span = np.diff(searched, axis=1)
    assert (np.abs(model.mj_model.actuator_lengthrange - searched) < 0.05 * span).all()


def test_simulated_force_and_activation_are_those_of_the_curves():
    """A muscle's force in the running engine, and its activation over one small Euler step, from the formulas."""
    body = toy_body()
    body = attrs.evolve(body, physics=attrs.evolve(body.physics, integrator="euler", timestep=1e-4))
    model = BodyModel.compile(body, hill(body)).mj_model
    rng, data = np.random.default_rng(1), mujoco.MjData(model)
    for _ in range(50):
        data.qpos, data.qvel = rng.uniform(-0.9, 0.1, model.nq), rng.uniform(-20, 20, model.nv)
        data.act, data.ctrl = rng.uniform(0, 1, model.na), rng.uniform(0, 1, model.nu)
        before = data.act.copy()
        mujoco.mj_step(model, data)
        for i, muscle in enumerate(body.muscles):
            force = curves.tension(
                muscle, data.actuator_length[i], data.actuator_velocity[i], before[i], model.actuator_lengthrange[i]
            )
            assert -data.actuator_force[i] == pytest.approx(force, rel=1e-9, abs=1e-12)
            rate = curves.activation_rate(data.ctrl[i], before[i])
            assert data.act[i] == pytest.approx(np.clip(before[i] + 1e-4 * rate, 0, 1), abs=1e-12)


def test_excited_flexor_bends_the_elbow():
    body = toy_body()
    model = BodyModel.compile(body, hill(body))
    ends = {}
    for muscle in model.muscle_names:
        data = mujoco.MjData(model.mj_model)
        data.ctrl[model.muscle_ids[model.muscle(muscle)]] = 1
        mujoco.mj_step(model.mj_model, data, 80)
        ends[muscle] = data.qpos[model.joint_qposadr[model.joint("elbow")]]
    assert ends["flexor"] < -0.5 < 0 < ends["extensor"]


def test_apply_twice_gives_equal_models():
    body = toy_body()
    model = BodyModel.compile(body, hill(body))
    again = model.editable().compile()
    np.testing.assert_array_equal(again.actuator_lengthrange, model.mj_model.actuator_lengthrange)


# --- errors ---


def test_body_without_muscles():
    with pytest.raises(ConfigError, match=r"body toy: has no muscles .* use actuation = 'torque'"):
        hill(attrs.evolve(toy_body(), muscles=()))


def test_two_muscles_of_one_name():
    body = toy_body()
    with pytest.raises(ConfigError, match="2 muscles named 'flexor'; give each its own name"):
        hill(attrs.evolve(body, muscles=(*body.muscles, body.muscles[0])))


def test_path_of_one_site():
    body = toy_body()
    short = attrs.evolve(body.muscles[0], path=("flexor_origin",))
    with pytest.raises(ConfigError, match="muscle 'flexor' passes 1 sites; its path needs at least an origin"):
        hill(attrs.evolve(body, muscles=(short,)))


def test_path_through_an_unknown_site():
    body = toy_body()
    lost = attrs.evolve(body.muscles[0], path=("flexor_orign", "flexor_insertion"))
    with pytest.raises(ConfigError, match=r"passes site 'flexor_orign', .*; did you mean flexor_origin"):
        hill(attrs.evolve(body, muscles=(lost,)))


def test_muscle_that_no_joint_stretches():
    body = toy_body()
    rigid = attrs.evolve(body.muscles[0], path=("flexor_origin", "extensor_origin"))
    with pytest.raises(ConfigError, match=r"body toy: MuJoCo .* range of muscle 'flexor' .*its path must change"):
        BodyModel.compile(body, hill(attrs.evolve(body, muscles=(rigid,))))


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("smoothing", -0.1, "actuation.*smoothing.* must be >= 0"),
        ("force_scale", 0.0, "actuation.*force_scale.* must be > 0"),
        ("smothing", 0.1, "actuation.smothing: unknown setting; did you mean smoothing"),
    ],
)
def test_wrong_settings(key, value, what):
    with pytest.raises(ConfigError, match=what):
        structure({key: value}, Settings, "actuation")
