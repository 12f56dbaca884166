"""Bodies that differ from the body as it is, and the engines that step a batch of them."""

from __future__ import annotations

import attrs
import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest
from engines import ALL, plain_loop, random_excitation, roll, starts
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from toys import compile_body, enable_x64, make_task

from mimic_core import Body, Physics
from mimic_core.chain import assembly
from mimic_core.chain.assembly import build_task, plan_training
from mimic_core.errors import ConfigError
from mimic_core.physics.randomisation import Randomisation
from mimic_variation import draw_bodies

FAR = Randomisation(bodies=3, mass=0.5, damping=0.5, strength=0.5, activation_time=0.5, tendon_slack=0.1)
KEY = jax.random.key(0)


def engine(plugins, name, model, altered=None, differentiable=False):
    spec = plugins.get("simulator", name)
    return spec.build(spec.config(), model, 0.0025, differentiable, altered=altered)


# -- the draw -------------------------------------------------------------------------------------------------


@examples(max_examples=20, deadline=None)
@given(spread=st.floats(0.0, 3.0), seed=st.integers(0, 1000))
def test_factors_lie_between_one_over_one_plus_s_and_one_plus_s(toy_model, spread, seed):
    m = toy_model.mj_model
    fields = draw_bodies(Randomisation(bodies=50, seed=seed, mass=spread, strength=spread), toy_model).fields
    factor = fields["body_mass"][:, 1:] / m.body_mass[1:]
    assert factor.shape == (50, 2)
    assert (factor <= 1 + spread + 1e-9).all() and (factor >= 1 / (1 + spread) - 1e-9).all()
    np.testing.assert_allclose(fields["body_inertia"][:, 1:, 0] / m.body_inertia[1:, 0], factor)
    np.testing.assert_array_equal(fields["dof_damping"], np.tile(m.dof_damping, (50, 1)))


def test_the_spread_is_even_on_a_logarithmic_scale(toy_model):
    fields = draw_bodies(Randomisation(bodies=4000, damping=1.0), toy_model).fields
    factor = np.log2(fields["dof_damping"] / toy_model.mj_model.dof_damping)
    assert factor.mean() == pytest.approx(0, abs=0.03) and factor.std() == pytest.approx(1 / np.sqrt(3), rel=0.03)
    assert np.corrcoef(factor.T)[0, 1] == pytest.approx(0, abs=0.05)  # each joint has its own


def test_the_seed_decides(toy_model):
    one, two, other = (draw_bodies(attrs.evolve(FAR, seed=s), toy_model).fields for s in (4, 4, 5))
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name])
        assert not np.array_equal(values, other[name]), name


def test_muscles_by_hand(toy_model):
    """F_max and time constants by a factor; the tendon slack LT by a share of L0, which stays."""
    fields, muscles = draw_bodies(FAR, toy_model).fields, toy_model.body.muscles
    for i, muscle in enumerate(muscles):
        gain, bias, dynamics = (fields[f"actuator_{n}prm"][:, i] for n in ("gain", "bias", "dyn"))
        force = gain[:, 2] / muscle.max_isometric_force
        assert (force != 1).all() and (np.abs(np.log(force)) <= np.log(1.5)).all()
        np.testing.assert_array_equal(gain, bias)
        np.testing.assert_allclose(dynamics[:, 0] / muscle.activation_time, dynamics[:, 1] / muscle.deactivation_time)
        low, high = fields["actuator_lengthrange"][:, i].T
        before, after = toy_model.mj_model.actuator_lengthrange[i]
        optimum = (after - before) / (muscle.operating_range[1] - muscle.operating_range[0])
        np.testing.assert_allclose(high - low, after - before)
        assert (np.abs(low - before) <= 0.1 * optimum).all() and (low != before).all()


def test_what_follows_from_the_masses_is_made_anew(toy_model):
    """The same as compiling a body with those masses."""
    altered = draw_bodies(Randomisation(bodies=2, mass=1.0), toy_model)
    for i, changed in enumerate(altered.models(toy_model.mj_model)):
        spec = toy_model.editable()
        for body in spec.bodies[1:]:
            at = toy_model.mj_model.body(body.name).id
            body.mass, body.inertia = altered.fields["body_mass"][i, at], altered.fields["body_inertia"][i, at]
        expected = spec.compile()
        for name in ("body_subtreemass", "dof_M0", "dof_invweight0", "body_invweight0", "actuator_acc0"):
            np.testing.assert_allclose(getattr(changed, name), getattr(expected, name), rtol=1e-9, err_msg=name)
        assert not np.allclose(changed.dof_M0, toy_model.mj_model.dof_M0, rtol=0.01)


def test_motors_are_stronger_or_weaker(plugins, toy_model):
    motors = compile_body(plugins, toy_model.body, "torque")
    altered = draw_bodies(Randomisation(bodies=4, strength=0.5), motors)
    simulator = engine(plugins, "mujoco", motors, altered)
    state = simulator.reset(*(jnp.zeros((4, 2)),) * 2, jnp.ones((4, 2)))._replace(altered=jnp.arange(4))
    torque = np.asarray(simulator.read(state, ALL).joint_force) / motors.mj_model.actuator_gear[:, 0]
    np.testing.assert_allclose(torque, altered.fields["actuator_gainprm"][..., 0], rtol=1e-6)
    assert np.ptp(torque, axis=0).min() > 0.05


# -- the engines ----------------------------------------------------------------------------------------------

WHICH = np.array([2, 0, 1, 2, 0])


@pytest.fixture(scope="module")
def case(mouse_model):
    """Altered mice, a start and excitations for five of them, and what MuJoCo makes of each on its own."""
    altered = draw_bodies(FAR, mouse_model)
    start, u = starts(mouse_model, len(WHICH)), random_excitation(mouse_model, 40, len(WHICH))
    alone = []
    for b, m in enumerate(np.array(altered.models(mouse_model.mj_model), dtype=object)[WHICH]):
        changed = attrs.evolve(mouse_model, mj_model=m)
        alone.append(plain_loop(changed, *(a[b : b + 1] for a in start), u[:, b : b + 1])[:, 0])
    return altered, start, u, np.stack(alone, axis=1)


def begin(simulator, start):
    return simulator.reset(*map(jnp.asarray, start))._replace(altered=jnp.asarray(WHICH))


def test_c_engine_steps_each_altered_body_as_plain_mujoco_does(plugins, mouse_model, case):
    altered, start, u, alone = case
    with enable_x64(True):
        simulator = engine(plugins, "mujoco", mouse_model, altered)
        states = roll(simulator, begin(simulator, start), u)
        ours = np.concatenate([states.qpos, states.qvel, states.activation], axis=-1)
        as_it_is = roll(simulator, begin(simulator, start)._replace(altered=()), u)
        np.testing.assert_array_equal(states.altered[-1], WHICH)
    np.testing.assert_allclose(ours, alone[..., :-1], rtol=1e-9, atol=1e-9)
    assert np.abs(states.qpos - as_it_is.qpos).max() > 0.05
    np.testing.assert_allclose(as_it_is.qpos, plain_loop(mouse_model, *start, u)[..., :4], rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_mjx_steps_each_altered_body_as_plain_mujoco_does(plugins, mouse_model, case):
    altered, start, u, alone = case
    simulator = engine(plugins, "mjx", mouse_model, altered)
    states = jax.jit(lambda s, u: roll(simulator, s, u))(begin(simulator, start), u)
    np.testing.assert_allclose(states.qpos, alone[..., :4], atol=1e-3)
    np.testing.assert_allclose(states.activation, alone[..., 8:-1], atol=1e-5)


@pytest.mark.slow
def test_engines_read_each_altered_body(plugins, mouse_model, case):
    altered, start, _, _ = case
    models = altered.models(mouse_model.mj_model)
    for name in ("mujoco", "mjx"):
        simulator = engine(plugins, name, mouse_model, altered)
        state = begin(simulator, start)
        read = jax.jit(lambda s, simulator=simulator: simulator.read(s, ALL))(state)
        for b, which in enumerate(WHICH):
            d = mujoco.MjData(models[which])
            d.qpos, d.qvel, d.act = (a[b] for a in start)
            mujoco.mj_forward(models[which], d)
            force = -d.actuator_force[mouse_model.muscle_ids]
            np.testing.assert_allclose(read.muscle_force[b], force, rtol=1e-3, atol=1e-3 * np.abs(force).max())


@pytest.mark.slow
def test_the_differentiable_view_of_each_altered_body(plugins, toy_model):
    """The same as a simulator that was built for that body alone, beyond a joint limit too; gradients are finite."""
    altered = draw_bodies(FAR, toy_model)
    qpos = np.array([[0.2, -0.5], [0.2, np.deg2rad(10.0) + 0.1], [0.0, 0.0]])
    start = qpos, np.zeros((3, 2)), np.full((3, 2), 0.2)
    u = random_excitation(toy_model, 10, 3)
    simulator = engine(plugins, "mjx", toy_model, altered, differentiable=True)

    def end(u):
        state = simulator.reset(*map(jnp.asarray, start))._replace(altered=jnp.arange(3))
        track = roll(simulator, state, u).qpos
        return (track[-1] ** 2).sum(), track

    (_, track), slope = jax.jit(jax.value_and_grad(end, has_aux=True))(jnp.asarray(u))
    assert np.isfinite(slope).all() and (np.abs(slope[0]) > 0).all()
    beyond = 1
    changed = attrs.evolve(toy_model, mj_model=altered.models(toy_model.mj_model)[beyond])
    alone = engine(plugins, "mjx", changed, differentiable=True)
    state = alone.reset(*(jnp.asarray(a[[beyond]]) for a in start))
    expected = jax.jit(lambda s, u: roll(alone, s, u))(state, jnp.asarray(u[:, [beyond]])).qpos
    np.testing.assert_allclose(track[:, beyond], expected[:, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "differentiable"), [("mujoco", False), pytest.param("mjx", True, marks=pytest.mark.conformance)]
)
def test_no_spread_is_exactly_the_body_as_it_is(plugins, toy_model, name, differentiable):
    same = draw_bodies(Randomisation(bodies=2), toy_model)
    start, u = starts(toy_model, 4), random_excitation(toy_model, 10, 4)
    plain, varied = (engine(plugins, name, toy_model, v, differentiable) for v in (None, same))
    state = plain.reset(*map(jnp.asarray, start))
    ends = [
        jax.jit(lambda s, u, e=e: roll(e, s, u))(s, u).qpos
        for e, s in ((plain, state), (varied, state._replace(altered=jnp.array([0, 1, 1, 0]))))
    ]
    np.testing.assert_array_equal(*ends)


# -- the task -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_episode_has_a_body(plugins, toy_model, toy_clips):
    task = make_task(plugins, toy_clips, toy_model, randomise=attrs.evolve(FAR, bodies=8))
    state = task.reset(KEY, 500)
    assert sorted(np.unique(state.sim.altered)) == list(range(8))
    again = task.restart(jax.random.key(1), state, jnp.arange(500) < 250)
    assert not np.array_equal(again.sim.altered[:250], state.sim.altered[:250])
    np.testing.assert_array_equal(again.sim.altered[250:], state.sim.altered[250:])
    given = task.reset_at(jnp.array([0, 1]), jnp.array([0, 0]))
    assert given.sim.altered == ()  # the body as it is
    assert task.restart(KEY, given, jnp.array([True, False])).sim.altered == ()


@pytest.mark.slow
def test_only_training_is_in_other_bodies(plugins, toy_clips):
    given = {"policy": {"name": "bottleneck_ppo"}, "preset": "joint_only", "task": {"randomise": attrs.asdict(FAR)}}
    plan = plan_training(given, plugins)
    ends, states = [], []
    for for_training in (True, False):
        task = build_task(toy_clips, plan, plugins, train_clips=np.arange(6), for_training=for_training)
        state = task.reset(KEY, 20)
        states.append(state)
        for _ in range(5):
            state, _ = task.step(state, jnp.zeros((20, 2)))
        ends.append(np.asarray(state.sim.qpos))
    # a checkpoint of training has the same shape, and bodies do not change where episodes begin
    for one, other in zip(*map(jax.tree.leaves, states), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.abs(ends[0] - ends[1]).max() > 1e-3


def test_a_simulator_that_cannot_is_named(plugins, toy_clips, monkeypatch):
    plan = plan_training({"task": {"randomise": {"mass": 0.2}}}, plugins)
    spec = attrs.evolve(plugins.get("simulator", "mjx"), name="stiff", draw_altered=None)
    monkeypatch.setattr(assembly, "training_simulator", lambda *_: (spec, False))
    with pytest.raises(ConfigError) as e:
        build_task(toy_clips, plan, plugins, train_clips=np.arange(6), for_training=True)
    assert str(e.value) == (
        "task.randomise: simulator 'stiff' cannot give each episode a body of its own; use mjx, mujoco, "
        "surrogate, or leave task.randomise out"
    )


# -- contacts -------------------------------------------------------------------------------------------------

BALL = """<mujoco><option timestep="0.001"/><default><geom solref="{solref}" solimp="0.9 0.9 0.001"/></default>
<worldbody><geom type="plane" size="1 1 0.1" friction="0.7"/><body name="ball" pos="0 0 0.01"><freejoint name="root"/>
<geom type="sphere" size="0.01" mass="0.02"/><site name="top" pos="0 0 0.01"/><body name="tail" pos="0 0 0.01">
<joint name="tail" axis="0 1 0"/><geom size="0.002" mass="0.001" contype="0" conaffinity="0"/></body>
</body></worldbody></mujoco>"""


@pytest.mark.parametrize("solref", ["0.02 1", "-2000 -40"])
def test_contacts_are_more_or_less_stiff_and_slippery(plugins, solref):
    body = Body(name="ball", mjcf=BALL.format(solref=solref), keypoints={"top": "top"}, torque_limits={"tail": 1e-4})
    model = compile_body(plugins, attrs.evolve(body, physics=Physics(timestep=0.001, integrator="euler")), "torque")
    given = Randomisation(bodies=30, seed=2, mass=0.3, friction=0.5, contact=2.0)
    altered, plain = draw_bodies(given, model), draw_bodies(attrs.evolve(given, friction=0.0, contact=0.0), model)
    for name, values in plain.fields.items():
        np.testing.assert_array_equal(values, altered.fields[name])  # the other draws stay
    factor = altered.fields["geom_friction"] / model.mj_model.geom_friction
    assert np.ptp(factor, axis=(1, 2)).max() < 1e-9 and factor.min() >= 1 / 1.5 and factor.max() <= 1.5
    assert factor[:, 0, 0].std() > 0.1

    def depth(m):
        data = mujoco.MjData(m)
        for _ in range(1500):
            mujoco.mj_step(m, data)
        return 0.01 - data.qpos[2]

    same = attrs.evolve(altered, fields={"geom_solref": altered.fields["geom_solref"][:4]})
    first = altered.fields["geom_solref"][:4, 0, 0] / model.mj_model.geom_solref[0, 0]
    stiffer = first if solref.startswith("-") else first**-2
    assert stiffer.min() >= 1 / 3 and stiffer.max() <= 3 and np.ptp(stiffer) > 0.3
    found = np.array([depth(m) for m in same.models(model.mj_model)])
    np.testing.assert_allclose(
        found * stiffer, depth(model.mj_model), rtol=0.05
    )  # it sinks in less where it is stiffer
