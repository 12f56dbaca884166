"""Reward terms by hand, and the presets against Table 2 of Leonardis et al. 2025 (arXiv 2511.21848)."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic_core.chain.assembly import plan_training
from mimic_core.errors import ConfigError


def term(plugins, name, model, **config):
    spec = plugins.get("reward", name)
    return spec, spec.build(spec.config(**config), model)


def step(**fields):
    ref = {k.removeprefix("ref_"): jnp.asarray(v) for k, v in fields.items() if k.startswith("ref_")}
    here = {k: jnp.asarray(v) for k, v in fields.items() if not k.startswith("ref_")}
    return SimpleNamespace(**here, ref=SimpleNamespace(**ref))


# -- terms ----------------------------------------------------------------------------------------------------


def test_joint_by_hand(plugins, toy_model):
    """Errors of 0.3 and −0.4 rad: Σ² = 0.25; exp(−0.2·0.25) = 0.951229, exp(−20·0.25) = 0.00673795."""
    at = step(joint_pos=[0.5, -0.2], ref_joint_pos=[0.2, 0.2])
    spec, joint = term(plugins, "joint", toy_model)
    assert not spec.cost and float(joint(at)) == pytest.approx(0.951229, abs=1e-6)
    _, sharp = term(plugins, "joint", toy_model, scale=20.0)
    assert float(sharp(at)) == pytest.approx(0.00673795, rel=1e-5)
    assert float(joint(step(joint_pos=[0.2, 0.2], ref_joint_pos=[0.2, 0.2]))) == 1.0


def test_control_by_hand(plugins, toy_model):
    """0.5² + 0.1² + (−1)² = 1.26: of excitation, as the muscle is told it, not of the action in [−1, 1]."""
    spec, control = term(plugins, "control", toy_model)
    assert spec.cost and float(control(step(excitation=[0.5, 0.1, -1.0]))) == pytest.approx(1.26)
    assert float(control(step(excitation=[0.0, 0.0]))) == 0.0


def test_energy_by_hand(plugins, toy_model):
    """|2|·|0.003| + |−5|·|0.002| + |4|·|−0.001| = 0.020 W: braking counts like driving."""
    spec, energy = term(plugins, "energy", toy_model)
    at = step(joint_vel=[2.0, -5.0, 4.0], joint_force=[0.003, 0.002, -0.001])
    assert spec.cost and float(energy(at)) == pytest.approx(0.020)


@settings(max_examples=40, deadline=None)
@given(
    q=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    r=st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    scale=st.floats(0.01, 30),
)
def test_joint_lies_between_0_and_1_and_is_symmetric(plugins, toy_model, q, r, scale):
    _, joint = term(plugins, "joint", toy_model, scale=scale)
    there, back = (float(joint(step(joint_pos=a, ref_joint_pos=b))) for a, b in ((q, r), (r, q)))
    assert 0 <= there <= 1 and there == pytest.approx(back)
    assert there == pytest.approx(np.exp(-scale * ((np.float32(q) - np.float32(r)) ** 2).sum()), rel=1e-3, abs=1e-30)


def test_gradients_by_hand(plugins, toy_model):
    """∂/∂q exp(−α e²) = −2αe·exp(−αe²); ∂/∂u u² = 2u; energy's is 0 at rest, not NaN."""
    _, joint = term(plugins, "joint", toy_model)
    _, control = term(plugins, "control", toy_model)
    _, energy = term(plugins, "energy", toy_model)
    g = jax.grad(lambda q: joint(step(joint_pos=q, ref_joint_pos=[0.0, 0.0])))(jnp.array([0.3, 0.0]))
    np.testing.assert_allclose(g, [-0.4 * 0.3 * np.exp(-0.2 * 0.09), 0.0], rtol=1e-5)
    g = jax.grad(lambda u: control(step(excitation=u)))(jnp.array([0.3, 0.0]))
    np.testing.assert_allclose(g, [0.6, 0.0], rtol=1e-6)
    g = jax.grad(lambda v, f: energy(step(joint_vel=v, joint_force=f)), argnums=(0, 1))(jnp.zeros(2), jnp.zeros(2))
    np.testing.assert_array_equal(g, np.zeros((2, 2)))


# -- presets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["paper", "physics_aware"])
def test_physics_aware_preset_is_table_2(plugins, preset):
    """Every row of Table 2, column "Physics Aware"; terms with weight 0 there are not in the reward at all."""
    plan = plan_training({"policy": {"name": "bottleneck_ppo"}, "preset": preset}, plugins)
    policy, table = (
        plan.settings["policy"],
        {
            "environments": 4096,
            "batch_size": 1024,
            "minibatches": 8,
            "learning_rate": 1e-4,
            "clip": 0.2,
            "discount": 0.95,
            "entropy": 1e-3,
            "unroll": 20,
            "kl_weight": 1e-5,
            "intention_size": 4,
            "gae_lambda": 0.95,  # section 2.6
        },
    )
    assert {k: policy[k] for k in table} == table
    for part in ("encoder_layers", "decoder_layers", "critic_layers"):
        assert list(policy[part]) == [512, 512, 512]
    assert plan.settings["rewards"] == {
        "joint": {"weight": 5.0, "scale": 0.2, "over": "sum"},
        "control": {"weight": 0.15},
        "energy": {"weight": 0.01},
    }
    assert 1 / plan.settings["task"]["control_rate_hz"] == 0.0025
    assert plan.actuation == "hill"


def test_simulation_of_the_paper_preset_is_table_2(plugins, mouse_model):
    import mujoco

    opt = mouse_model.mj_model.opt
    assert opt.timestep == 0.00125
    assert opt.solver == int(mujoco.mjtSolver.mjSOL_CG)
    assert (opt.iterations, opt.ls_iterations) == (6, 6)


@pytest.mark.parametrize("policy", ["bottleneck_apg", "bottleneck_ppo"])
def test_joint_only_preset_is_table_2(plugins, policy):
    """Column "Joint Only": joint 5 with scale 0.2, control cost 0, energy cost 0, all else as in the other column."""
    joint_only, both = (
        plan_training({"policy": {"name": policy}, "preset": preset}, plugins)
        for preset in ("joint_only", "physics_aware")
    )
    assert joint_only.settings["rewards"] == {
        "joint": {"weight": 5.0, "scale": 0.2, "over": "sum"},
        "control": {"weight": 0.0},
        "energy": {"weight": 0.0},
    }
    for part in ("policy", "simulator", "task"):
        assert joint_only.settings[part] == both.settings[part], part


def test_laptop_is_the_default_preset(plugins):
    for policy in ("bottleneck_apg", "bottleneck_ppo"):
        default = plan_training({"policy": {"name": policy}}, plugins)
        assert default.preset == "laptop"
        assert default == plan_training({"policy": {"name": policy}, "preset": "laptop"}, plugins)
    assert plan_training({}, plugins).policy == "bottleneck_apg"


def test_what_is_given_lies_over_the_preset(plugins):
    plan = plan_training(
        {
            "policy": {"name": "bottleneck_ppo", "learning_rate": 0.5},
            "preset": "paper",
            "seed": 7,
            "rewards": {"control": {"weight": 0.3}, "energy": False},
        },
        plugins,
    )
    assert plan.settings["policy"]["learning_rate"] == 0.5 and plan.settings["policy"]["environments"] == 4096
    assert plan.settings["rewards"] == {
        "joint": {"weight": 5.0, "scale": 0.2, "over": "sum"},
        "control": {"weight": 0.3},
    }
    assert plan.seed == 7


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rewards": {"joint": {"weight": "much"}}}, "rewards.joint.weight: must be a number, got 'much'"),
        ({"rewards": {"jerk": {"wieght": 1.0}}}, "rewards.jerk.wieght: unknown setting; did you mean weight?"),
        ({"rewards": {"joint": {"scael": 1.0}}}, "rewards.joint.scael: unknown setting; did you mean scale?"),
        ({"rewards": {"jerk": {}}}, "rewards.jerk.weight: must be given, since this term has no default weight; e.g."),
        ({"rewards": {"joint": 3}}, "rewards.joint: must be a table or false, got 3; e.g. rewards.joint.weight=1.0"),
        ({"rewards": {"joint": {"scale": -1.0}}}, "rewards.joint.scale: must be > 0, got -1"),
        (
            {"preset": "desktop"},
            "preset: policy bottleneck_apg has no preset 'desktop'; known: economical, free, joint_only",
        ),
        ({"policy": 3}, "policy: must be a name or a table, got 3; see 'mimic plugins list'"),
        ({"task": 3}, "task: must be a name or a table, got 3"),
        ({"rewards": {"joint": {"weight": None}}}, "rewards.joint.weight: must be"),
        ({"reward": {}}, "reward: unknown section; did you mean rewards?"),
        ({"holdout": 1.0}, "train.holdout: must be < 1, got 1"),
        (
            {"policy": {"name": "bottleneck_ppo", "environments": 1000}},
            "policy: batch_size·minibatches = 1024 must be a multiple of environments = 1000",
        ),
    ],
)
def test_wrong_settings_are_named(plugins, given, message):
    with pytest.raises(ConfigError) as e:
        plan_training(given, plugins)
    assert str(e.value).startswith(message)


def test_a_component_may_be_given_by_its_name_alone(plugins):
    """As run files have it: what a message asks for with `actuation = "torque"` is taken so everywhere."""
    short = plan_training({"policy": "bottleneck_ppo", "actuation": "torque", "simulator": "mujoco"}, plugins)
    tables = {"policy": {"name": "bottleneck_ppo"}, "actuation": {"name": "torque"}, "simulator": {"name": "mujoco"}}
    assert short == plan_training(tables, plugins) and short.actuation == "torque"
