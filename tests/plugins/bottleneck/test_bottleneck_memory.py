"""Memory from step to step: the autoregressive prior and the recurrent layer."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from toys import make_task
from training_cases import run_loop

from mimic_bottleneck import ApgSettings, PpoSettings
from mimic_bottleneck.brain import AUTOCORRELATION, Brain
from mimic_bottleneck.network import Bottleneck, Gaussian
from mimic_core.task.task import Observation
from mimic_core.trainer import restored_controller

TIME, BATCH = 7, 3


def make_brain(lstm_size, autoregressive):
    return Brain(Bottleneck(2, 3, (8,), (8,), (4,), lstm_size=lstm_size), autoregressive)


@pytest.mark.parametrize("lstm_size", [0, 6])
@pytest.mark.parametrize("autoregressive", [False, True])
def test_a_whole_stretch_is_what_single_steps_give(lstm_size, autoregressive):
    """Learning sees the same intentions, actions and divergences as acting did, across the ends of episodes."""
    brain = make_brain(lstm_size, autoregressive)
    rng = np.random.default_rng(0)
    seen = Observation(*(jnp.asarray(rng.normal(size=(TIME, BATCH, n)), jnp.float32) for n in (5, 4)))
    noise = jnp.asarray(rng.normal(size=(TIME, BATCH, 2)), jnp.float32)
    params = brain.network.init(jax.random.key(0), *jax.tree.map(lambda a: a[0], seen))
    ended = np.zeros((TIME, BATCH), bool)
    ended[2, 1] = ended[4, 0] = ended[5, 0] = True
    # the stretch begins in the middle of an episode
    before, _ = brain.step(params, jax.tree.map(lambda a: a[0] + 1.0, seen), brain.begin(BATCH), noise[0])
    memory, steps, step = before, [], jax.jit(brain.step)
    for t in range(TIME):
        memory, output = step(params, jax.tree.map(lambda a, t=t: a[t], seen), memory, noise[t])
        steps.append(output)
        memory = brain.forget(memory, jnp.asarray(ended[t]))
    restarted = jnp.asarray(np.concatenate([np.zeros((1, BATCH)), ended[:-1]]), jnp.float32)
    whole = jax.jit(brain.unroll)(params, seen, before, restarted, noise)
    one_by_one = jax.tree.map(lambda *a: np.stack(a), *steps)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_the_recurrent_layer_remembers_and_forgets():
    brain = make_brain(6, False)
    seen = Observation(jnp.ones((BATCH, 5)), jnp.ones((BATCH, 4)))
    params = brain.network.init(jax.random.key(0), *seen)
    first_memory, first = brain.step(params, seen, brain.begin(BATCH), None)
    _, second = brain.step(params, seen, first_memory, None)
    assert np.abs(second.layers["decoder/lstm"] - first.layers["decoder/lstm"]).max() > 1e-3
    _, again = brain.step(params, seen, brain.forget(first_memory, jnp.array([True, False, True])), None)
    np.testing.assert_array_equal(again.actions.loc[0], first.actions.loc[0])
    np.testing.assert_array_equal(again.actions.loc[1], second.actions.loc[1])


def test_divergence_from_the_autoregressive_prior_by_integration():
    """KL(N(μ, σ²) ‖ N(ρ·z, 1 − ρ²)), and KL from N(0, 1) in the first step of an episode."""
    mean, std, before = 0.7, 0.4, -0.5
    brain = make_brain(0, True)
    gaussian = Gaussian(jnp.full((1, 1), mean), jnp.full((1, 1), 2 * np.log(std)))
    p = stats.norm(mean, std)
    for begun, q in (
        (1.0, stats.norm(AUTOCORRELATION * before, np.sqrt(1 - AUTOCORRELATION**2))),
        (0.0, stats.norm(0, 1)),
    ):
        expected, _ = integrate.quad(
            lambda x, q=q: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), mean - 12 * std, mean + 12 * std
        )
        found = brain._kl(gaussian, jnp.full((1, 1), before), jnp.full((1,), begun))
        assert float(found[0]) == pytest.approx(expected, rel=1e-4)


def test_the_autoregressive_prior_favours_intentions_that_change_slowly():
    brain = make_brain(0, True)
    narrow = Gaussian(jnp.full((2, 1), 1.0), jnp.full((2, 1), -4.0))
    steady, jumping = brain._kl(narrow, jnp.array([[1.0], [-1.0]]), jnp.ones(2))
    assert steady < jumping


def test_kl_weight_rises_in_the_warmup(plugins, toy_clips, toy_model):
    task = make_task(plugins, toy_clips, toy_model)
    config = ApgSettings(kl_weight=0.5, kl_warmup=0.2, steps=1920 * 100)
    trainer = plugins.get("policy", "bottleneck_apg").build(config, task)
    assert trainer.iterations == 100
    np.testing.assert_allclose([trainer.kl_weight(i) for i in (0, 5, 10, 20, 99)], [0, 0.125, 0.25, 0.5, 0.5])


@pytest.mark.slow
def test_costs_rise_in_the_warmup(plugins, toy_clips, toy_model):
    rewards = {"gain": (2.0, lambda s: 1.0), "effort": (-3.0, lambda s: (s.excitation**2).sum())}
    task = make_task(plugins, toy_clips, toy_model, rewards)
    config = PpoSettings(
        environments=8, batch_size=8, minibatches=1, unroll=5, passes=1, cost_warmup=0.5, steps=40 * 20
    )
    trainer = plugins.get("policy", "bottleneck_ppo").build(config, task)
    assert trainer.iterations == 20
    for iteration, weight in ((0, 0.0), (5, -1.5), (10, -3.0), (19, -3.0)):
        assert {t.name: float(t.weight) for t in trainer.at(iteration).task.rewards} == {"gain": 2, "effort": weight}
    first, metrics = trainer.iterate(trainer.initial(0))
    assert float(metrics["reward"]) == 2 and float(metrics["effort"]) > 0  # the terms are told as they are
    _, metrics = trainer.iterate(first)
    assert float(metrics["reward"]) == pytest.approx(2 - 0.3 * float(metrics["effort"]), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["bottleneck_apg", "bottleneck_ppo"])
def test_recurrent_trainers_learn(plugins, toy_clips, toy_model, tmp_path, policy):
    """The same trainers with a recurrent layer and the autoregressive prior bring excitation to where reward asks."""
    small = dict(encoder_layers=(16,), decoder_layers=(16,), critic_layers=(16,), intention_size=2, lstm_size=8)
    extra = dict(network="lstm", prior="autoregressive", evaluations=1, learning_rate=1e-2)
    if policy == "bottleneck_ppo":
        config = PpoSettings(
            **small, **extra, environments=32, batch_size=16, minibatches=4, unroll=10, steps=32 * 20 * 25, entropy=0.0
        )
    else:
        config = ApgSettings(**small, **extra, environments=16, horizon=10, steps=160 * 60)
    simulator = "mjx" if policy == "bottleneck_apg" else "mujoco"
    task = make_task(
        plugins,
        toy_clips,
        toy_model,
        {"pull": (-1.0, lambda s: ((s.excitation - 0.8) ** 2).sum())},
        simulator=simulator,
        differentiable=policy == "bottleneck_apg",
    )
    rewards = []
    trainer = plugins.get("policy", policy).build(config, task)
    seen = task.observe(task.reset(jax.random.key(0), 20))

    def evaluate(controller):
        act = controller.act(controller.variables, seen, controller.start(20), None)
        rewards.append(float(((toy_model.actuation.excitation(act.action) - 0.8) ** 2).sum(-1).mean()))
        return {"tracking_mm": 0.0}

    run_loop(trainer, tmp_path, evaluate)
    assert rewards[0] > 0.7 and rewards[-1] < 0.1
    controller = restored_controller(trainer, tmp_path)
    assert controller.start(4).cell[0].shape == (4, 8) and controller.start(4).intention.shape == (4, 2)
