"""The two engines: against each other, against plain MuJoCo, and their derivatives against finite differences."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from engines import ALL, plain_loop, random_excitation, roll, starts
from toys import compile_body, enable_x64, make_simulator

from mimic_core.chain import HOOKS
from mimic_core.chain.choose import choose_simulator
from mimic_core.chain.loading import LoadedPlugins
from mimic_core.errors import ConfigError, PluginError
from mimic_core.physics.simulator import Readings, SimState, substeps

STEPS = 120  # control steps of 2.5 ms: 0.3 s


# -- the C engine ---------------------------------------------------------------------------------------------


def test_c_engine_is_a_plain_loop_of_mj_step(plugins, mouse_model):
    model, batch = mouse_model, 4
    qpos, qvel, activation = starts(model, batch)
    u = random_excitation(model, 60, batch)
    with enable_x64(True):
        simulator = make_simulator(plugins, "mujoco", model)
        states = roll(simulator, simulator.reset(*map(jnp.asarray, (qpos, qvel, activation))), u)
        time, *state = map(np.asarray, states[:4])
        read = jax.jit(lambda s: simulator.read(s, ALL))(jax.tree.map(lambda a: a[-1], states))
        assert read.site_pos.dtype == np.float64
    ours = np.concatenate([*state, time[..., None]], axis=-1)
    np.testing.assert_allclose(ours, plain_loop(model, qpos, qvel, activation, u), rtol=1e-9, atol=1e-9)
    low, high = model.joint_range.T
    assert ((state[0] < low) | (state[0] > high)).any()  # limits took part
    np.testing.assert_allclose(time[-1], 0.15, rtol=1e-12)


def test_readings_belong_to_the_very_instant(plugins, mouse_model):
    model, m = mouse_model, mouse_model.mj_model
    simulator = make_simulator(plugins, "mujoco", model)
    qpos, qvel, activation = starts(model, 4)
    u = random_excitation(model, 5, 4)
    last = jax.tree.map(lambda a: a[-1], roll(simulator, simulator.reset(qpos, qvel, activation), u))
    read = simulator.read(last, ALL)
    for b in range(4):
        d = mujoco.MjData(m)
        d.qpos, d.qvel, d.act = last.qpos[b], last.qvel[b], last.activation[b]
        mujoco.mj_forward(m, d)
        for name, expected in {
            "joint_force": d.qfrc_actuator[model.joint_dofadr],
            "muscle_force": -d.actuator_force[model.muscle_ids],
            "muscle_length": d.actuator_length[model.muscle_ids],
            "muscle_velocity": d.actuator_velocity[model.muscle_ids],
            "site_pos": d.site_xpos[model.keypoint_site_ids],
        }.items():
            np.testing.assert_allclose(getattr(read, name)[b], expected, rtol=1e-5, atol=1e-7, err_msg=name)
    assert (np.asarray(read.muscle_force) >= 0).all() and np.asarray(read.muscle_force).max() > 0.1


def test_only_what_is_asked_for_is_read(plugins, toy_model):
    simulator = make_simulator(plugins, "mujoco", toy_model)
    state = simulator.reset(*(jnp.zeros((2, 2)),) * 3)
    read = simulator.read(state, frozenset({"muscle_length", "ref.site_pos"}))
    assert read.muscle_length.shape == (2, 2)
    assert read._replace(muscle_length=None) == Readings()
    assert simulator.read(state, frozenset({"ref.site_pos"})) == Readings()


def test_a_batch_is_its_members_one_by_one(plugins, toy_model):
    simulator = make_simulator(plugins, "mujoco", toy_model)
    qpos, qvel, activation = starts(toy_model, 3)
    u = random_excitation(toy_model, 20, 3)
    together = roll(simulator, simulator.reset(qpos, qvel, activation), u)
    for b in range(3):
        alone = roll(simulator, simulator.reset(*(a[b : b + 1] for a in (qpos, qvel, activation))), u[:, b : b + 1])
        for one, of_all in zip(alone[:4], together[:4], strict=True):
            np.testing.assert_array_equal(one[:, 0], of_all[:, b])


def test_the_state_that_is_stepped_stays_as_it_was(plugins, toy_model):
    simulator = make_simulator(plugins, "mujoco", toy_model)
    state = simulator.reset(*map(jnp.asarray, starts(toy_model, 2)))
    before = jax.tree.map(np.array, state)
    simulator.step(state, jnp.ones((2, 2)))
    for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(a, b)


def test_motors_have_no_state_of_their_own(plugins, toy_model):
    motors = compile_body(plugins, toy_model.body, "torque")
    simulator = make_simulator(plugins, "mujoco", motors)
    u = np.random.default_rng(0).uniform(-1, 1, (10, 3, 2))
    states = roll(simulator, simulator.reset(*(jnp.zeros((3, 2)),) * 3), u)
    np.testing.assert_allclose(states.activation, u, rtol=1e-6)
    read = simulator.read(jax.tree.map(lambda a: a[-1], states), ALL)
    gear = motors.mj_model.actuator_gear[:, 0]
    np.testing.assert_allclose(read.joint_force, u[-1] * gear, rtol=1e-5)
    assert read.muscle_force.shape == (3, 0)


def test_faster_integrators_are_close(plugins, toy_model):
    start, u = starts(toy_model, 4), random_excitation(toy_model, 40, 4)
    ends = {}
    for integrator in ("body", "rk4", "implicitfast", "euler"):
        simulator = make_simulator(plugins, "mujoco", toy_model, integrator=integrator)
        ends[integrator] = np.asarray(roll(simulator, simulator.reset(*start), u).qpos)
    np.testing.assert_array_equal(ends["body"], ends["rk4"])  # the body's own
    for integrator in ("implicitfast", "euler"):
        off = np.abs(ends[integrator] - ends["body"])
        assert 1e-5 < off.max() and off.mean() < np.deg2rad(3.0), integrator


def test_calls_that_do_not_depend_on_each_other(plugins, toy_model):
    """A compiled program may run them at the same time, on one pool of threads."""
    simulator = make_simulator(plugins, "mujoco", toy_model, threads=2)
    start = [simulator.reset(*map(jnp.asarray, starts(toy_model, 16, seed=s))) for s in (1, 2)]
    u = jnp.asarray(random_excitation(toy_model, 300, 16))

    @jax.jit
    def both(a, b):
        def step(states, u):
            after = [simulator.step(s, u) for s in states]
            return after, [simulator.read(s, ALL).site_pos for s in states]

        return jax.lax.scan(step, [a, b], u)

    ends, _ = both(*start)
    for first, last in zip(start, ends, strict=True):
        alone = jax.tree.map(lambda a: a[-1], roll(simulator, first, u))
        np.testing.assert_array_equal(last.qpos, alone.qpos)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "differentiable"), [("mujoco", False), ("mjx", True)])
def test_further_axes(plugins, toy_model, name, differentiable):
    """Under `jax.vmap`, twice, each batch comes out as on its own, also where the start is shared."""
    simulator = make_simulator(plugins, name, toy_model, differentiable=differentiable)
    state = simulator.reset(*map(jnp.asarray, starts(toy_model, 3)))
    u = jnp.asarray(np.random.default_rng(0).uniform(0, 1, (2, 4, 3, 2)))

    def run(state, u):
        state = simulator.step(simulator.step(state, u), u)
        return state, simulator.read(state, ALL)

    together = jax.jit(jax.vmap(jax.vmap(run, in_axes=(None, 0)), in_axes=(None, 0)))(state, u)
    alone = jax.jit(run)
    for at in np.ndindex(2, 4):
        for of_all, one in zip(jax.tree.leaves(together), jax.tree.leaves(alone(state, u[at])), strict=True):
            np.testing.assert_allclose(of_all[at], one, rtol=1e-5, atol=1e-6)


# -- MJX against it -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engines(plugins, mouse_model):
    """Trajectories of both engines on the same excitations, and what both read off the same state."""
    model, batch = mouse_model, 8
    start, u = starts(model, batch), random_excitation(model, STEPS, batch)
    c, mjx = (make_simulator(plugins, name, model) for name in ("mujoco", "mjx"))
    states_c = roll(c, c.reset(*start), u)
    last = jax.tree.map(lambda a: a[-1], states_c)

    @jax.jit
    def program(state, u, other):
        return roll(mjx, state, u), mjx.read(other, ALL)

    states_mjx, read_mjx = program(mjx.reset(*start), u, last)
    return states_c, states_mjx, c.read(last, ALL), read_mjx


@pytest.mark.conformance
def test_engines_agree_on_the_movement(engines, mouse_model):
    c, mjx, *_ = engines
    np.testing.assert_allclose(mjx.qpos, c.qpos, atol=1e-3)
    np.testing.assert_allclose(mjx.activation, c.activation, atol=1e-5)
    np.testing.assert_allclose(mjx.time, c.time, rtol=1e-5)
    assert np.ptp(np.asarray(c.qpos), axis=0).max() > 1.0  # a big movement, and against the limits too
    low, high = mouse_model.joint_range.T
    outside = ((c.qpos < low) | (c.qpos > high)).any(axis=(0, 2))
    assert outside.sum() >= 4


@pytest.mark.conformance
def test_engines_read_the_same(engines, mouse_model):
    *_, c, mjx = engines
    np.testing.assert_allclose(mjx.site_pos, c.site_pos, atol=1e-6)
    np.testing.assert_allclose(mjx.muscle_length, c.muscle_length, atol=1e-6)
    for name in ("muscle_force", "muscle_velocity", "joint_force"):
        ours, theirs = np.asarray(getattr(mjx, name)), np.asarray(getattr(c, name))
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max(), err_msg=name)


@pytest.mark.conformance
def test_motors_in_mjx(plugins, toy_model):
    motors = compile_body(plugins, toy_model.body, "torque")
    c, mjx = (make_simulator(plugins, name, motors) for name in ("mujoco", "mjx"))
    u = np.random.default_rng(0).uniform(-1, 1, (40, 3, 2))
    start = [jnp.asarray(a) for a in starts(toy_model, 3)[:2]] + [jnp.zeros((3, 2))]
    ours = jax.jit(lambda s, u: roll(mjx, s, u))(mjx.reset(*start), u)
    theirs = roll(c, c.reset(*start), u)
    np.testing.assert_allclose(ours.activation, u, rtol=1e-6)
    np.testing.assert_allclose(ours.qpos, theirs.qpos, atol=1e-3)


# -- the differentiable view ----------------------------------------------------------------------------------

_SEGMENT = 30  # control steps, 75 ms


@pytest.fixture(scope="module")
def derivative(plugins, toy_model):
    """In float64: loss, its gradient and the trajectory, for any start and excitation of three toy arms."""
    with enable_x64(True):
        view = make_simulator(plugins, "mjx", toy_model, differentiable=True)
        target = jnp.array([0.3, -0.6])

        def loss(qpos, activation, excitation):
            states = roll(view, SimState(jnp.zeros(3), qpos, jnp.zeros((3, 2)), activation), excitation)
            return ((states.qpos - target) ** 2).sum(), states.qpos

        program = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True))

        def run(*args):
            with enable_x64(True):
                (value, track), gradient = program(*(jnp.asarray(a, jnp.float64) for a in args))
                return float(value), np.asarray(track), [np.asarray(g) for g in gradient]

        yield run


def _arms():
    """One arm well inside its limits, one 0.1 rad beyond, one at rest with nothing excited."""
    qpos = np.array([[0.2, -0.5], [0.2, np.deg2rad(10.0) + 0.1], [0.0, 0.0]])
    activation = np.array([[0.3, 0.2], [0.3, 0.2], [0.0, 0.0]])
    u = np.repeat(np.random.default_rng(0).uniform(0.1, 0.9, (_SEGMENT // 10, 3, 2)), 10, axis=0)
    u[:, 2] = 0.0
    return qpos, activation, u


def test_gradient_is_finite_everywhere(derivative):
    _, _, gradient = derivative(*_arms())
    for g in gradient:
        assert np.isfinite(g).all()
        assert (np.abs(g).reshape(-1, 3, 2).max(axis=(0, 2)) > 0).all()  # each arm has one, also the limp one


def test_gradient_is_that_of_finite_differences(derivative):
    args = _arms()
    _, _, gradient = derivative(*args)
    rng, h = np.random.default_rng(3), 1e-6
    for which, g in enumerate(gradient):
        for _ in range(3):
            way = rng.normal(size=g.shape)
            way[..., 2, :] = 0.0  # excitation and activation 0 lie on a bound
            above, below = (
                derivative(*(a + by * way if i == which else a for i, a in enumerate(args)))[0] for by in (h, -h)
            )
            assert (above - below) / (2 * h) == pytest.approx((g * way).sum(), rel=2e-4)


def test_the_view_stays_close_to_the_true_physics(derivative, plugins, toy_model):
    qpos, activation, u = _arms()
    _, track, _ = derivative(qpos, activation, u)
    simulator = make_simulator(plugins, "mujoco", toy_model)
    true = np.asarray(roll(simulator, simulator.reset(qpos, np.zeros((3, 2)), activation), u).qpos)
    assert np.ptp(true[:, 0], axis=0).max() > np.deg2rad(30.0)
    off = np.rad2deg(np.abs(track - true).max(axis=(0, 2)))
    assert off[0] < 1.5  # degrees; 0.7 when measured
    assert off[1] < 3.0  # pushed back by a spring instead of a constraint; 1.3 when measured
    assert off[2] < 0.5


@pytest.mark.conformance
def test_mjx_takes_the_implicit_step_of_the_c_engine(plugins):
    """A body whose integrator is implicitfast, muscles included, limits not touched."""
    body = plugins.get("body", "mouse_forelimb").make("mobile_shoulder")
    with enable_x64(True):
        model = compile_body(plugins, body)
        low, high = model.joint_range.T
        share = np.random.default_rng(0).uniform(0.4, 0.6, (4, len(low)))
        start = low + share * (high - low), np.zeros_like(share), np.full((4, len(model.actuator_names)), 0.2)
        u = random_excitation(model, 4, 4)
        engines = [make_simulator(plugins, name, model) for name in ("mujoco", "mjx")]
        c, ours = (jax.jit(roll, static_argnums=0)(e, e.reset(*map(jnp.asarray, start)), u) for e in engines)
    assert np.abs(c.qvel).max() > 0.5
    np.testing.assert_allclose(ours.qpos, c.qpos, rtol=0, atol=1e-7)
    np.testing.assert_allclose(ours.qvel, c.qvel, rtol=0, atol=1e-5)


def anywhere(model, batch, seed):
    """States up to a fifth of the range beyond the limits, fast, at any activation; excitations none or full."""
    rng = np.random.default_rng(seed)
    low, high = model.joint_range.T
    lowest, highest = model.actuation.low, model.actuation.high
    qpos = low + rng.uniform(-0.2, 1.2, (batch, len(low))) * (high - low)
    qvel = rng.normal(0, 10, qpos.shape) * (high - low)
    activation = rng.uniform(lowest, highest, (batch, len(model.actuator_names)))
    u = np.where(rng.choice([False, True], (_SEGMENT // 10, *activation.shape)), highest, lowest)
    return qpos, qvel, activation, np.repeat(u, 10, axis=0)


@pytest.mark.conformance
@pytest.mark.parametrize(
    ("variant", "actuation"),
    [
        ("paper", "hill"),
        pytest.param("mobile_shoulder", "torque", marks=pytest.mark.slow),
        pytest.param("mobile_shoulder", "hill", marks=pytest.mark.slow),
        pytest.param("paper", "torque", marks=pytest.mark.slow),
    ],
)
def test_the_view_and_its_gradient_are_finite_from_any_state(plugins, variant, actuation):
    """In float32, as in training, over 75 ms; every environment's gradient has a sane size."""
    model = compile_body(plugins, plugins.get("body", "mouse_forelimb").make(variant), actuation)
    with enable_x64(False):
        check_finite(model, make_simulator(plugins, "mjx", model, differentiable=True))


def check_finite(model, view):
    *state, u = (jnp.asarray(a, jnp.float32) for a in anywhere(model, 64, seed=0))
    low, high = model.joint_range.T
    reach = jnp.asarray(high - low, jnp.float32)

    def loss(u, qpos, qvel, activation):
        track = roll(view, view.reset(qpos, qvel, activation), u).qpos
        return (((track - low) / reach - 0.5) ** 2).mean(0).sum(), track

    (_, track), gradient = jax.jit(jax.value_and_grad(loss, argnums=(0, 1, 2, 3), has_aux=True))(u, *state)
    assert np.isfinite(track).all() and all(np.isfinite(g).all() for g in gradient)
    assert np.abs(track[-1] - 0.5 * (low + high)).max() < 3 * reach.max()
    size = np.sqrt((np.asarray(gradient[0]) ** 2).sum((0, 2)))
    assert (size > 0).all() and size.max() < 1e3 and np.median(size) < 3


def test_the_view_changes_a_copy(toy_model):
    from mimic_mjx.differentiable import SMOOTHING, differentiable_view

    m = toy_model.mj_model
    before = m.actuator_dynprm.copy(), m.opt.timestep, m.opt.iterations, m.opt.disableflags
    view = differentiable_view(m, 0.0025)
    assert (view.actuator_dynprm[:, 2] == SMOOTHING).all() and view.opt.timestep == 0.0025 and view.opt.iterations == 1
    assert view.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)
    assert (m.actuator_dynprm == before[0]).all()
    assert (m.opt.timestep, m.opt.iterations, m.opt.disableflags) == before[1:]


# -- choosing one ---------------------------------------------------------------------------------------------


def test_what_auto_takes(plugins):
    assert choose_simulator("auto", plugins, "cpu").name == "mujoco"
    assert choose_simulator("auto", plugins, "gpu").name == "mjx"
    assert choose_simulator("auto", plugins, "cpu", differentiable=True).name == "mjx"
    assert choose_simulator("mjx", plugins, "cpu").name == "mjx"


def test_a_simulator_without_the_gradient_that_is_needed(plugins):
    with pytest.raises(ConfigError) as e:
        choose_simulator("mujoco", plugins, "cpu", differentiable=True)
    assert str(e.value) == (
        "simulator: 'mujoco' has no gradient, which this policy trains with; use auto or mjx, surrogate, or another "
        "policy"
    )


def test_no_simulator_at_all():
    with pytest.raises(PluginError, match="no installed simulator runs on cpu with gradients"):
        choose_simulator("auto", LoadedPlugins(HOOKS), "cpu", differentiable=True)


@pytest.mark.parametrize(("control", "physics", "n"), [(0.0025, 0.00125, 2), (0.00125, 0.00125, 1), (0.02, 0.002, 10)])
def test_substeps(control, physics, n):
    assert substeps(control, physics) == n


@pytest.mark.parametrize("control", [0.002, 0.0005, 0.0031])
def test_control_steps_that_physics_steps_do_not_fill(control):
    with pytest.raises(ConfigError) as e:
        substeps(control, 0.00125)
    assert str(e.value) == (
        f"task.control_rate_hz: a control step of {control * 1e3:g} ms is not a whole number of "
        "physics steps of 1.25 ms; choose a rate that divides 800 Hz"
    )
