"""A training that begins with another run's decoder, or with all of its network."""

from __future__ import annotations

import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mimic_bottleneck.network import Bottleneck, Gaussian
from mimic_bottleneck.reuse import Reused, Sent
from mimic_bottleneck.settings import PpoSettings
from mimic_bottleneck.training import Learned
from mimic_core.chain import TrainedRun
from mimic_core.errors import ConfigError
from mimic_stages.training import train

SMALL = {
    "name": "bottleneck_ppo",
    "encoder_layers": [8],
    "decoder_layers": [8],
    "critic_layers": [8],
    "intention_size": 2,
    "environments": 8,
    "batch_size": 8,
    "minibatches": 2,
    "passes": 1,
    "unroll": 5,
    "steps": 160,
    "evaluations": 1,
}


def test_density_and_entropy_are_scipys():
    mean, logvar, x = (jnp.asarray(a) for a in ([0.3, -1.0], [-1.2, 0.4], [0.5, 0.7]))
    normal, ours = multivariate_normal(mean, np.diag(np.exp(logvar))), Gaussian(mean, logvar)
    assert float(ours.log_prob(x)) == pytest.approx(normal.logpdf(x), rel=1e-5)
    assert float(ours.entropy()) == pytest.approx(normal.entropy(), rel=1e-5)


def network(value, reference=3):
    """What was learned, every number the same."""
    parts = {part: {"kernel": np.full((4, 4), value)} for part in ("encoder", "decoder", "critic", "lstm")}
    return Learned({"params": parts}, np.full(reference, value), np.full(2, value))


def reused(part, learned):
    found = Reused(PpoSettings(start_from="gone", reuse=part), task=None)
    found._learned = learned
    return found


def test_the_decoder_is_taken_over_and_nothing_else():
    begun = reused("decoder", network(2.0, reference=7)).begun(network(1.0))
    kept = {part: float(a["kernel"][0, 0]) for part, a in begun.params["params"].items()}
    assert kept == {"encoder": 1.0, "critic": 1.0, "decoder": 2.0, "lstm": 2.0}
    assert (begun.reference == 1.0).all() and (begun.proprioception == 2.0).all()
    whole = reused("all", network(2.0)).begun(network(1.0))
    assert all((np.asarray(a) == 2.0).all() for a in jax.tree.leaves(whole))


@pytest.mark.parametrize("explores", [False, True])
def test_a_new_encoder_sends_what_the_decoder_has_learned_to_read(explores):
    sent = Sent(np.array([3.0, -2.0]), np.array([4.0, 0.5]), np.array([-5.0, -4.0]))
    network = Bottleneck(2, 3, (64,), (8,), (8,))
    seen = jax.random.normal(jax.random.key(1), (2000, 6))
    params = network.init(jax.random.key(0), seen[:1], seen[:1])["params"]
    begun = {"params": {**params, "encoder": sent.by_new(params["encoder"], explores)}}
    (found, _), (plain, _) = (network.apply(p, seen, method="encode") for p in (begun, {"params": params}))
    np.testing.assert_allclose((found.mean - sent.mean) / sent.spread, plain.mean, atol=1e-5)
    std = 0.3 * sent.spread if explores else np.exp(0.5 * sent.logvar)
    np.testing.assert_allclose(np.exp(0.5 * found.logvar), np.broadcast_to(std, (2000, 2)), rtol=1e-5)


def test_other_observations_are_refused():
    with pytest.raises(ConfigError, match=r"has \(7,\) numbers in .*reference.*give both the same observations"):
        reused("all", network(2.0, reference=7)).begun(network(1.0))


def test_what_is_held_has_no_gradient():
    def total(params, part):
        return sum(a.sum() for a in jax.tree.leaves(reused(part, network(0.0)).held(params)))

    params = network(1.0).params
    for part, held in (("decoder", {"decoder", "lstm"}), ("all", set())):
        slopes = jax.grad(total)(params, part)["params"]
        assert {name for name, a in slopes.items() if not np.asarray(a["kernel"]).any()} == held


@pytest.mark.slow
def test_intentions_are_learned_for_a_decoder_that_is_held(plugins, toy_clips, tmp_path):
    """The decoder is bit for bit the first run's; the encoder learns; and the first run is needed no more."""
    clips, first, second = toy_clips.save(tmp_path / "clips.h5"), tmp_path / "first", tmp_path / "second"
    train(plugins, clips, out=first, given={"policy": SMALL, "task": {"window": 2}})
    policy = {**SMALL, "start_from": str(first)}
    summary = train(plugins, clips, out=second, given={"policy": policy, "task": "reach"})
    assert summary["task"] == "reach" and 0.0 <= summary["success"] <= 1.0
    one, two = (TrainedRun.open(run, plugins).controller().variables for run in (first, second))
    for part in ("decoder",):
        for a, b in zip(*(jax.tree.leaves(v.params["params"][part]) for v in (one, two)), strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(one.proprioception, two.proprioception, strict=True):
        np.testing.assert_array_equal(a, b)
    shutil.rmtree(first)
    again = TrainedRun.open(second, plugins).controller().variables
    np.testing.assert_array_equal(jax.tree.leaves(again.params)[0], jax.tree.leaves(two.params)[0])
    rollouts = TrainedRun.open(second, plugins).roll_out()
    assert rollouts.reward_terms["reached"].shape == rollouts.reward.shape
    with pytest.raises(ConfigError, match="no such folder of a run"):
        train(plugins, clips, out=tmp_path / "third", given={"policy": policy, "task": "reach"})


@pytest.mark.slow
def test_another_shape_of_decoder_is_refused(plugins, toy_clips, tmp_path):
    clips, first = toy_clips.save(tmp_path / "clips.h5"), tmp_path / "first"
    train(plugins, clips, out=first, given={"policy": SMALL, "task": {"window": 2}})
    policy = {**SMALL, "start_from": str(first), "intention_size": 3}
    with pytest.raises(ConfigError, match=r"has policy.intention_size 2, this training 3; give it the same"):
        train(plugins, clips, out=tmp_path / "other", given={"policy": policy, "task": "reach"})
