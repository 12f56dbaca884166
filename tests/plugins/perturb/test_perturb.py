"""Perturbations: what they do to body, senses and controller, in both engines."""

from __future__ import annotations

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import make_clips, make_simulator, make_task

from mimic_core import Body, BodyModel, Controller, Decision, Perturbation, PerturbationSpec, SimulatorSpec
from mimic_core.chain.choose import chosen_perturbation
from mimic_core.chain.disturbed import disturbed_task
from mimic_core.chain.unroll import passive_controller, roll_out
from mimic_core.config import structure
from mimic_core.control.perturbation import RolloutContext
from mimic_core.errors import ConfigError, PluginError
from mimic_core.plugins.manager import Provided
from mimic_core.task.disturbance import Noise
from mimic_core.task.settings import TaskSettings
from mimic_core.testing import check_component
from mimic_core.testing.perturbations import context_of
from mimic_core.testing.toy import toy_body
from mimic_perturb.perturbations import pulse

BALL = """<mujoco><option gravity="0 0 0" timestep="0.00125" integrator="Euler"/><worldbody><body name="ball">
<freejoint/><geom size="0.01" mass="0.002"/><site name="middle"/></body></worldbody></mujoco>"""


@pytest.fixture(scope="module")
def task(plugins, toy_model):
    return make_task(plugins, make_clips(toy_model, frames=(20, 14)), toy_model)


@pytest.fixture(scope="module")
def controller():
    """Excites more the further the shoulder is from where it should be next; its intention is two numbers."""

    def act(variables, seen, carry, key, intention_shift=None):
        away = seen.reference[:, :2] - seen.proprioception[:, :2]
        intention = jnp.zeros_like(away) if intention_shift is None else intention_shift
        return Decision(jnp.tanh(4.0 * away + intention) - 0.4, carry, {"intention": intention})

    return Controller(variables=(), start=lambda batch: (), act=act, inputs={"intention_shift": 2})


@pytest.fixture(scope="module")
def rolled(plugins, task, controller):
    """``rolled(name, settings) -> Rollouts`` of the toy arm; without a name undisturbed."""

    def roll(name=None, *, task=task, controller=controller, **settings):
        perturbation = None
        if name is not None:
            spec, config = chosen_perturbation(plugins, name, settings)
            perturbation = spec.build(config, RolloutContext.of(task, controller, stochastic=False))
            task = disturbed_task(task, perturbation, plugins.get("simulator", "mujoco"))
        split = ["train"] * len(task.n_steps)
        return roll_out(task, controller, split=split, simulator="mujoco", perturbation=perturbation)

    return roll


@pytest.fixture(scope="module")
def undisturbed(rolled):
    return rolled()


def built(plugins, name, context, **settings):
    spec, config = chosen_perturbation(plugins, name, settings)
    return spec.build(config, context)


def assert_same(a, b, but=()):
    for field in ("qpos", "qvel", "action", "excitation", "activation", "muscle_force", "reward"):
        if field not in but:
            np.testing.assert_array_equal(getattr(a, field), getattr(b, field), err_msg=field)


# -- when a pulse is ------------------------------------------------------------------------------------------


def test_a_pulse_within_control_steps(toy_model):
    """Control steps of 2.5 ms: 10 to 16 ms covers those that end at 12.5 and 15 ms, and 1 of the next 2.5 ms."""
    onset, end, share = pulse(context_of(toy_model, (41, 5)), 10.0, 6.0)
    np.testing.assert_array_equal(onset, [10.0, np.nan])  # the second clip lasts 10 ms
    np.testing.assert_array_equal(end, [16.0, np.nan])
    expected = np.zeros(41)
    expected[[5, 6, 7]] = 1.0, 1.0, 0.4
    np.testing.assert_allclose(share, [expected, 0 * expected], atol=1e-12)


def test_a_pulse_in_the_middle_of_each_clip(toy_model):
    onset, end, _ = pulse(context_of(toy_model, (41, 32)), None, 20.0)
    np.testing.assert_allclose(onset, [50.0, 37.5])
    np.testing.assert_allclose(end, [70.0, 57.5])


@given(at=st.floats(0, 50), lasts=st.floats(0.01, 45))
def test_the_integral_of_a_pulse_is_its_duration(toy_model, at, lasts):
    onset, end, share = pulse(context_of(toy_model), at, lasts)
    np.testing.assert_allclose(2.5 * share.sum(axis=1), np.minimum(lasts, np.array([100.0, 75.0]) - at), atol=1e-9)
    assert ((share >= 0) & (share <= 1)).all() and (share[:, 0] == 0).all()
    np.testing.assert_allclose(end - onset, 2.5 * share.sum(axis=1), atol=1e-9)


# -- forces ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["mujoco", pytest.param("mjx", marks=pytest.mark.conformance)])
def test_momentum_of_a_free_mass(plugins, engine):
    """2 g under 0.01 N for 6 ms: 0.03 m/s along the direction, and nothing before or after."""
    model = BodyModel.compile(Body(name="ball", mjcf=BALL, keypoints={"middle": "middle"}))
    pulse = built(
        plugins, "force_pulse", context_of(model, (13,)), force_N=0.01, direction=[0, 3, 4], at_ms=10, for_ms=6
    )
    force = jnp.asarray(np.moveaxis(pulse.force["ball"], 1, 0)[1:, :, None])
    simulator = make_simulator(plugins, engine, model)
    start = simulator.reset(model.mj_model.qpos0[None], np.zeros((1, 6)), np.zeros((1, 0)))

    @jax.jit
    def run(state):
        def step(state, force):
            after = simulator.step(state._replace(force=force), jnp.zeros((1, 0)))
            return after, after.qvel[0, :3]

        return jax.lax.scan(step, state._replace(force=0 * force[0]), force)[1]

    momentum = 0.002 * np.asarray(run(start))
    np.testing.assert_allclose(momentum[:4], 0.0)
    np.testing.assert_allclose(momentum[6:], np.tile([0.0, 0.6 * 6e-5, 0.8 * 6e-5], (6, 1)), rtol=1e-5)


def test_a_pulse_moves_the_arm_from_its_onset_on(rolled, undisturbed):
    pushed = rolled("force_pulse", force_N=0.05, at_ms=20.0, for_ms=10.0)
    apart = np.abs(pushed.qpos - undisturbed.qpos).max(axis=-1)
    assert (apart[:, :9] == 0).all()  # entry 8 is the instant of the onset
    assert (apart[:, 9:13] > 0).all() and apart[:, 13].min() > 1e-3
    assert_same(rolled("force_pulse", force_N=0.05, at_ms=20.0, for_ms=10.0), pushed)


@pytest.mark.conformance
def test_engines_agree_on_a_push(plugins, toy_model):
    ends = {}
    u = jnp.tile(jnp.array([[0.3, 0.2]]), (2, 1))
    force = jnp.zeros((2, 2, 6)).at[0, 1].set(jnp.array([0.01, 0, 0.02, 0, 1e-5, 0]))
    for name in ("mujoco", "mjx"):
        simulator = make_simulator(plugins, name, toy_model)
        state = simulator.reset(jnp.zeros((2, 2)), jnp.zeros((2, 2)), u)._replace(force=force)
        step = jax.jit(simulator.step)
        for _ in range(8):
            state = step(state, u)
        ends[name] = np.asarray(state.qpos)
    np.testing.assert_allclose(ends["mjx"], ends["mujoco"], atol=1e-3)
    assert np.abs(ends["mujoco"][0] - ends["mujoco"][1]).max() > 0.03  # rad


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("force_pulse", {"force_N": 0.0}),
        ("weakening", {"strength": 1.0}),
        ("sensory_delay", {"extra_ms": 0.0}),
        ("intention_noise", {"sd": 0.0}),
        ("sensorimotor_noise", {"motor": 0.0, "joint_deg": 0.0}),
    ],
)
def test_a_perturbation_of_size_zero_changes_nothing(rolled, undisturbed, name, settings):
    assert_same(rolled(name, **settings), undisturbed)


# -- muscles --------------------------------------------------------------------------------------------------


def test_every_muscle_ablated_is_a_limp_arm(rolled, task):
    """Without active force whatever is sent, as when nothing is; without passive force too, no torque at all."""
    limp = rolled(controller=passive_controller(task))
    assert_same(rolled("ablation", passive=True), limp, but=("action", "excitation", "activation", "reward"))
    gone = rolled("ablation")
    assert np.nanmax(np.abs(gone.muscle_force)) == 0 and np.nanmax(np.abs(gone.joint_force)) == 0
    assert np.nanmax(gone.activation) > 0.1


def test_only_the_named_muscle_is_weaker(plugins, toy_model):
    half = built(plugins, "weakening", context_of(toy_model), muscles=["extensor"], strength=0.5)
    spec = plugins.get("simulator", "mujoco")
    simulator = spec.build(spec.config(), toy_model, 0.0025, False, altered=half.altered)
    state = simulator.reset(jnp.zeros((1, 2)), jnp.zeros((1, 2)), jnp.full((1, 2), 0.6))
    fields = frozenset({"muscle_force"})
    whole, weak = (simulator.read(state._replace(altered=v), fields).muscle_force[0] for v in ((), jnp.zeros(1, int)))
    np.testing.assert_allclose(weak / whole, [1.0, 0.5], rtol=1e-5)


def test_motors_are_weakened_too(plugins, toy_model):
    from toys import compile_body

    motors = compile_body(plugins, toy_model.body, "torque")
    fields = built(plugins, "weakening", context_of(motors), muscles=["elbow"], strength=0.25).altered.fields
    of = motors.actuator_names.index
    gain, was = fields["actuator_gainprm"][0, :, 0], motors.mj_model.actuator_gainprm[:, 0]
    assert gain[of("elbow")] == 0.25 * was[of("elbow")] and gain[of("shoulder")] == was[of("shoulder")]


def test_reserves_are_no_muscles_to_weaken(plugins):
    spec, body = plugins.get("actuation", "hill"), toy_body()
    model = BodyModel.compile(body, spec.build(spec.config(reserve={"elbow": 1e-3}), body))
    gain = built(plugins, "weakening", context_of(model), strength=0.5).altered.fields["actuator_gainprm"][0]
    was = model.mj_model.actuator_gainprm
    np.testing.assert_allclose(gain[:2, 2], 0.5 * was[:2, 2])  # the muscles' greatest force
    np.testing.assert_array_equal(gain[2], was[2])
    with pytest.raises(ConfigError, match="has no muscle 'reserve_elbow'; known: extensor, flexor"):
        built(plugins, "weakening", context_of(model), muscles=["reserve_elbow"])


# -- senses and intentions ------------------------------------------------------------------------------------


def test_a_delay_comes_on_top_of_the_trained_one(plugins, toy_model):
    context = context_of(toy_model, task=TaskSettings(sensory_delay_ms=5.0))
    assert built(plugins, "sensory_delay", context, extra_ms=7.5).task.sensory_delay_ms == 12.5


def test_late_senses_are_those_of_a_task_with_that_delay(rolled, plugins, toy_model, task, undisturbed):
    late = rolled("sensory_delay", extra_ms=5.0)
    assert_same(late, rolled(task=make_task(plugins, task.clips, toy_model, sensory_delay_ms=5.0)))
    assert np.nanmax(np.abs(late.qpos - undisturbed.qpos)) > 1e-3


def test_intention_noise_is_what_was_asked_for(plugins, toy_model):
    noise = built(plugins, "intention_noise", context_of(toy_model, (4001,)), sd=0.3, at_ms=100.0, for_ms=9000.0)
    shift = noise.inputs["intention_shift"]
    assert (shift[:, :41] == 0).all() and (shift[:, 3641:] == 0).all()
    within = shift[0, 41:3641]
    np.testing.assert_allclose(within.std(axis=0), 0.3, rtol=0.05)
    np.testing.assert_allclose(within.mean(axis=0), 0.0, atol=0.02)
    assert abs(np.corrcoef(within.T)[0, 1]) < 0.06


def test_intention_noise_reaches_the_controller_and_repeats(rolled, plugins, task, controller, undisturbed):
    first, again, other = (rolled("intention_noise", sd=0.5, seed=s) for s in (1, 1, 2))
    assert_same(first, again)
    assert np.nanmax(np.abs(first.qpos - other.qpos)) > 1e-3 and np.nanmax(np.abs(first.qpos - undisturbed.qpos)) > 1e-3
    made = built(plugins, "intention_noise", RolloutContext.of(task, controller, False), sd=0.5, seed=1)
    intention = first.record["intention"]
    inside = np.isfinite(intention)
    np.testing.assert_allclose(intention[inside], made.inputs["intention_shift"][inside], rtol=1e-6)


def test_a_larger_lesion_holds_the_smaller_one(plugins, toy_model):
    context = attrs.evolve(context_of(toy_model, (9,)), inputs={"silenced/decoder/layer_1": 40})

    def units(dose, **more):
        made = built(plugins, "lesion", context, layer="decoder/layer_1", dose=dose, **more)
        return made.inputs["silenced/decoder/layer_1"][0]

    quarter, half, whole = (units(d) for d in (0.25, 0.5, 1.0))
    assert (quarter[1:] == quarter[1]).all() and quarter[1].sum() == 10 and half[1].sum() == 20
    assert (quarter <= half).all() and (half <= whole).all() and (whole[1:] == 1).all()
    assert not np.array_equal(units(0.5, seed=1), half)
    np.testing.assert_array_equal(units(0.5, depth=0.3), 0.3 * half)
    assert (units(1.0, at_ms=10.0)[:5] == 0).all()
    with pytest.raises(ConfigError, match=r"^perturb.layer: no layer 'decoder/layer_9'.*decoder/layer_1"):
        built(plugins, "lesion", context, layer="decoder/layer_9")
    with pytest.raises(ConfigError, match="lesion needs a controller with inputs silenced/LAYER"):
        built(plugins, "lesion", attrs.evolve(context, inputs={}))


@pytest.mark.parametrize("recurrent", [False, True])
def test_silenced_units_of_the_bottleneck_say_nothing(recurrent):
    """By hand: without its first layer a part says its last bias alone; half a unit's depth is half of it."""
    import jax

    from mimic_bottleneck.brain import Brain
    from mimic_bottleneck.network import Bottleneck
    from mimic_core.task import Observation

    net = Bottleneck(3, 2, (4,), (5,), (4,), lstm_size=4 if recurrent else 0)
    rng = np.random.default_rng(0)
    seen = Observation(jnp.asarray(rng.normal(size=(6, 7))), jnp.asarray(rng.normal(size=(6, 8))))
    params, brain = net.init(jax.random.key(0), *seen), Brain(net, False)
    assert net.silenceable == {"intention": 3, "encoder/layer_1": 4, "decoder/layer_1": 5}

    def step(**silenced):
        return brain.step(params, seen, brain.begin(6), None, None, {k: jnp.asarray(v) for k, v in silenced.items()})[1]

    plain, none = brain.step(params, seen, brain.begin(6), None)[1], step(**{"decoder/layer_1": np.zeros((6, 5))})
    np.testing.assert_array_equal(none.actions.loc, plain.actions.loc)
    gone = step(**{"decoder/layer_1": np.ones((6, 5))})
    assert (gone.layers["decoder/layer_1"] == 0).all() and np.ptp(gone.actions.loc, axis=0).max() == 0
    some = np.zeros((6, 5))
    some[:, 2] = 0.5
    half = step(**{"decoder/layer_1": some})
    np.testing.assert_allclose(half.layers["decoder/layer_1"], plain.layers["decoder/layer_1"] * (1 - some), rtol=1e-6)
    blank = step(intention=np.ones((6, 3)))
    assert (blank.intention == 0).all()
    np.testing.assert_array_equal(blank.gaussian.mean, plain.gaussian.mean)
    deaf = step(**{"encoder/layer_1": np.ones((6, 4))})
    assert np.ptp(deaf.gaussian.mean, axis=0).max() == 0


@pytest.mark.slow
def test_the_bottleneck_adds_it_to_its_intention(plugins, task):
    spec = plugins.get("policy", "bottleneck_ppo")
    sizes = {"encoder_layers": [4], "decoder_layers": [4], "critic_layers": [4], "intention_size": 3, "environments": 8}
    trainer = spec.build(structure({**sizes, "batch_size": 8, "minibatches": 2}, spec.config, "policy"), task)
    policy = trainer.controller(trainer.initial(0))
    assert policy.inputs["intention_shift"] == 3
    seen = task.observe(task.reset_at(jnp.arange(2), jnp.zeros(2, int)))
    shift = jnp.array([[0.5, 0.0, 0.0], [0.0, 0.0, -1.0]])
    plain, same, moved = (
        policy.act(policy.variables, seen, policy.start(2), None, **given_)
        for given_ in ({}, {"intention_shift": 0 * shift}, {"intention_shift": shift})
    )
    np.testing.assert_array_equal(same.action, plain.action)
    np.testing.assert_allclose(moved.record["intention"] - plain.record["intention"], shift, atol=1e-6)
    np.testing.assert_array_equal(moved.record["intention_mean"], plain.record["intention_mean"])
    assert (np.abs(moved.action - plain.action).max(axis=1) > 0).all()


def test_noise_repeats_and_adds_to_the_trained_one(rolled, plugins, toy_model):
    first, again, other = (rolled("sensorimotor_noise", motor=0.3, seed=s) for s in (1, 1, 2))
    assert_same(first, again)
    assert np.nanmax(np.abs(first.excitation - other.excitation)) > 1e-3
    trained = TaskSettings(noise=Noise(motor=0.3, velocity=1.0))
    for stochastic, expected in ((True, Noise(motor=0.5, velocity=1.0)), (False, Noise(motor=0.4))):
        context = context_of(toy_model, task=trained, stochastic=stochastic)
        made = built(plugins, "sensorimotor_noise", context, motor=0.4, joint_deg=0.0)
        assert made.task.noise == expected


# -- what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "force_pulse",
            {"at_ms": 100.0},
            "perturb.at_ms: at 100 ms every clip has ended; the longest lasts 100 ms, so",
        ),
        ("force_pulse", {"direction": [0, 0, 0]}, "perturb.direction: must have a length above 0"),
        ("force_pulse", {"force": 1.0}, "perturb.force: unknown setting; did you mean force_N?"),
        ("ablation", {"muscles": ["flexo"]}, "perturb.muscles: body toy has no muscle 'flexo'; did you mean flexor?"),
        ("weakening", {"strength": 1.5}, "perturb.strength: must be <= 1, got 1.5"),
        ("sensory_delay", {"extra_ms": 4.0}, "perturb.extra_ms: 4 ms is not a whole number of control steps of 2.5 ms"),
    ],
)
def test_settings_that_make_no_sense(plugins, toy_model, name, settings, message):
    with pytest.raises(ConfigError) as e:
        built(plugins, name, context_of(toy_model), **settings)
    assert str(e.value).startswith(message) and "\n" not in str(e.value)


def test_a_body_that_cannot_be_pushed(rolled):
    with pytest.raises(ConfigError, match=r"^perturb: body toy has no moving body 'lowr'; did you mean lower\?$"):
        rolled("force_pulse", body="lowr")


def test_a_policy_without_intentions(rolled, task):
    with pytest.raises(
        ConfigError, match="intention_noise needs a controller with the input 'intention_shift', which this one has not"
    ):
        rolled("intention_noise", controller=passive_controller(task))


def test_an_engine_that_cannot(plugins, task):
    weak = SimulatorSpec(name="plain", build=lambda *_: None, rank={})
    for perturbation, what in (
        (built(plugins, "force_pulse", context_of(task.model)), "push a body"),
        (built(plugins, "ablation", context_of(task.model)), "take another body"),
    ):
        with pytest.raises(ConfigError, match=f"^perturb: simulator 'plain' cannot {what}; choose another"):
            disturbed_task(task, perturbation, weak)


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (
            lambda c: Perturbation(force={"lower": np.zeros((2, 41, 3))}),
            r"has shape \(2, 41, 3\), expected \(2, 41, 6\)",
        ),
        (lambda c: Perturbation(force={"tail": np.zeros((2, 41, 6))}), "no moving body 'tail'"),
        (
            lambda c: Perturbation(inputs={"intention_shift": np.random.standard_normal((2, 41, 3))}),
            "is another when it is built again",
        ),
        (
            lambda c: Perturbation(inputs={"shift": np.zeros((2, 41, 3))}),
            "an input 'shift', which the controller does not",
        ),
        (lambda c: None, "build returns NoneType"),
    ],
)
def test_a_broken_perturbation_is_found(plugins, made, found):
    spec = PerturbationSpec(name="mine", summary="a test", build=lambda config, context: made(context))
    with pytest.raises(PluginError, match=found):
        check_component(Provided("perturbation", "mine", spec, "test"), plugins)


def test_built_in_perturbations_pass_their_checks(plugins):
    names = [p.name for p in plugins.provided("perturbation")]
    assert {"force_pulse", "ablation", "weakening", "sensory_delay", "intention_noise"} <= set(names)
    for p in plugins.provided("perturbation"):
        assert "builds" in check_component(p, plugins)
        assert attrs.has(p.record.config)
