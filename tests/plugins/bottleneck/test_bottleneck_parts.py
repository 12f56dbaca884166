"""The parts of the bottleneck policies, each against numpy, scipy or numbers worked by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats
from toys import make_task

from mimic_bottleneck import PpoSettings
from mimic_bottleneck.network import Bottleneck, Gaussian, Normalizer, TanhNormal
from mimic_bottleneck.ppo import Batch, ProximalPolicyOptimisation, Transition
from mimic_bottleneck.returns import generalised_advantages
from mimic_core.task.task import Observation

# -- scaling of observations ----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 7, 30]), min_size=1, max_size=5),  # each size is compiled
    seed=st.integers(0, 10_000),
    offset=st.floats(-50, 50),
    spread=st.floats(0.1, 20),
)
def test_normalizer_in_batches_is_numpy_at_once(sizes, seed, offset, spread):
    rng = np.random.default_rng(seed)
    batches = [rng.normal(offset, spread, (n, 3)).astype(np.float32) for n in sizes]
    normalizer = Normalizer.empty(3)
    for b in batches:
        normalizer = normalizer.update(jnp.asarray(b))
    x = np.concatenate(batches).astype(np.float64)
    np.testing.assert_allclose(normalizer.mean, x.mean(axis=0), rtol=1e-4, atol=1e-4 * spread)
    np.testing.assert_allclose(normalizer.m2 / normalizer.count, x.var(axis=0), rtol=2e-3, atol=1e-3 * spread**2)
    assert float(normalizer.count) == len(x)


def test_normalised_observations():
    x = np.random.default_rng(0).normal([3.0, -1.0, 5.0], [2.0, 0.1, 0.0], (4, 250, 3))
    normalizer = Normalizer.empty(3).update(jnp.asarray(x))  # all leading axes are samples
    y = np.asarray(normalizer(jnp.asarray(x))).reshape(-1, 3)
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(y.std(axis=0)[:2], 1, rtol=1e-4)
    np.testing.assert_allclose(y[:, 2], 0, atol=0.1)  # never varies: neither blown up nor NaN
    np.testing.assert_array_equal(normalizer(jnp.array([1e9, -1e9, 5.0]))[:2], [10.0, -10.0])


# -- distributions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.5, 0.3), (-0.7, 2.5)])
def test_divergence_from_the_standard_normal_by_integration(mean, std):
    p, q = stats.norm(mean, std), stats.norm()
    by_integral, _ = integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), mean - 12 * std, mean + 12 * std)
    ours = Gaussian(jnp.array([mean, 0.0]), jnp.array([2 * np.log(std), 0.0])).kl_to()
    assert float(ours) == pytest.approx(by_integral, abs=1e-5)


def test_samples_of_the_intention():
    gaussian = Gaussian(jnp.array([1.0, -2.0]), jnp.array([0.0, 2 * np.log(0.5)]))
    z = gaussian.sample(jax.random.normal(jax.random.key(0), (50_000, 2)))
    np.testing.assert_allclose(z.mean(axis=0), [1, -2], atol=0.02)
    np.testing.assert_allclose(z.std(axis=0), [1, 0.5], rtol=0.02)


@pytest.mark.parametrize(("loc", "std"), [(0.0, 1.0), (0.8, 0.4), (-1.2, 0.9)])
def test_density_of_actions_by_change_of_variables(loc, std):
    """p(a) = N(artanh a; loc, std) / (1 − a²); it integrates to 1 over [−1, 1]."""
    dist = TanhNormal(jnp.array([loc]), jnp.array([std]))

    def density(a):
        return float(np.exp(dist.log_prob(jnp.array([np.arctanh(a)]))))

    for a in (-0.9, -0.1, 0.0, 0.5, 0.99):
        assert density(a) == pytest.approx(stats.norm(loc, std).pdf(np.arctanh(a)) / (1 - a**2), rel=1e-4)
    x = np.linspace(loc - 9 * std, loc + 9 * std, 20_001)
    p = np.exp(np.asarray(jax.vmap(dist.log_prob)(jnp.asarray(x)[:, None])))
    assert integrate.trapezoid(p, np.tanh(x)) == pytest.approx(1.0, abs=2e-3)
    assert float(dist.mode()[0]) == pytest.approx(np.tanh(loc))


def test_density_of_several_actions_is_a_product():
    both = TanhNormal(jnp.array([0.2, -0.4]), jnp.array([0.5, 0.8]))
    each = [TanhNormal(both.loc[i : i + 1], both.std[i : i + 1]) for i in range(2)]
    x = jnp.array([0.1, 0.3])
    assert float(both.log_prob(x)) == pytest.approx(sum(float(d.log_prob(x[i : i + 1])) for i, d in enumerate(each)))


def test_far_out_actions_have_finite_densities_and_gradients():
    dist = TanhNormal(jnp.zeros(1), jnp.ones(1))
    for x in (-40.0, 40.0):
        assert np.isfinite(dist.log_prob(jnp.array([x])))
        assert np.isfinite(jax.grad(lambda v: dist.log_prob(v))(jnp.array([x]))).all()


def test_entropy_is_estimated_without_bias():
    loc, std = 0.5, 0.7
    dist = TanhNormal(jnp.full((1,), loc), jnp.full((1,), std))
    x = np.linspace(loc - 9 * std, loc + 9 * std, 20_001)
    p = stats.norm(loc, std).pdf(x)
    exact = integrate.trapezoid(-p * (stats.norm(loc, std).logpdf(x) - np.log1p(-(np.tanh(x) ** 2) + 1e-300)), x)
    noise = jax.random.normal(jax.random.key(1), (100_000, 1))
    assert float(jax.vmap(dist.entropy)(noise).mean()) == pytest.approx(exact, abs=0.01)


# -- the network ----------------------------------------------------------------------------------------------


def test_what_reaches_which_part():
    """The decoder sees the reference only through the intention; the encoder never sees the body."""
    net = Bottleneck(2, 3, (8, 6), (5,), (4,), resting_action=-0.75)
    reference, body = jnp.ones((4, 7)), jnp.ones((4, 9))
    params = jax.jit(net.init)(jax.random.key(0), reference, body)
    intention, inner = net.apply(params, reference, method="encode")
    actions, outer = net.apply(params, intention.mean, body, method="decode")
    assert intention.mean.shape == intention.logvar.shape == (4, 2)
    assert {k: v.shape for k, v in {**inner, **outer}.items()} == {
        "encoder/layer_1": (4, 8),
        "encoder/layer_2": (4, 6),
        "decoder/layer_1": (4, 5),
    }
    assert net.apply(params, reference, body, method="value").shape == (4,)
    kernels = {k: v["layer_1"]["kernel"].shape for k, v in params["params"].items()}
    assert kernels == {"encoder": (7, 8), "decoder": (2 + 9, 5), "critic": (7 + 9, 4)}
    np.testing.assert_allclose(actions.mode(), -0.75, atol=0.05)  # untrained, it is nearly at rest
    assert (actions.std > 0).all()


# -- advantages -----------------------------------------------------------------------------------------------


def test_advantages_by_hand():
    """γ = λ = 0.5, so γλ = 0.25. Step 1 is cut short by the clip's end (V of the state reached: 3), step 2 fails.

    δ₃ = 4 + 0.5·2.5 − 2 = 3.25; δ₂ = 3 + 0 − 1.5 = 1.5; δ₁ = 2 + 0.5·3 − 1 = 2.5; δ₀ = 1 + 0.5·1 − 0.5 = 1,
    A₀ = 1 + 0.25·2.5 = 1.625, and no other advantage reaches over an end.
    """
    rewards, values, final = ([1.0, 2, 3, 4], [0.5, 1, 1.5, 2], [1.0, 3, 9, 2.5])
    terminated, ended = [False, False, True, False], [False, True, True, False]
    args = [jnp.array(a)[:, None] for a in (rewards, values, final, terminated, ended)]
    advantages, targets = generalised_advantages(*args, 0.5, 0.5)
    np.testing.assert_allclose(advantages[:, 0], [1.625, 2.5, 1.5, 3.25])
    np.testing.assert_allclose(targets[:, 0], [2.125, 3.5, 3.0, 5.25])


def test_an_end_of_the_clip_is_no_failure():
    """With V exact, here r/(1 − γ) = 2, a steady reward has no advantage, also where the clip ends."""
    ones, no = jnp.ones((6, 1)), jnp.zeros((6, 1), bool)
    ended = no.at[2].set(True)
    advantages, _ = generalised_advantages(ones, 2 * ones, 2 * ones, no, ended, 0.5, 0.95)
    np.testing.assert_allclose(advantages, 0.0, atol=1e-6)
    failed, _ = generalised_advantages(ones, 2 * ones, 2 * ones, ended, ended, 0.5, 0.95)
    assert float(failed[2, 0]) == -1.0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), discount=st.floats(0, 1), lam=st.floats(0, 1))
def test_advantages_are_those_of_a_plain_loop(seed, discount, lam):
    rng = np.random.default_rng(seed)
    t, n = 12, 3
    r, v, final = rng.normal(size=(3, t, n))
    terminated = rng.random((t, n)) < 0.2
    ended = terminated | (rng.random((t, n)) < 0.2)
    expected = np.zeros((t, n))
    for e in range(n):
        for start in range(t):  # the sum of Schulman et al. 2016, equation 16, term by term
            for k in range(start, t):
                target = r[k, e] + (0.0 if terminated[k, e] else discount * final[k, e])
                expected[start, e] += (discount * lam) ** (k - start) * (target - v[k, e])
                if ended[k, e]:
                    break
    advantages, targets = generalised_advantages(*map(jnp.asarray, (r, v, final, terminated, ended)), discount, lam)
    np.testing.assert_allclose(advantages, expected, atol=1e-4)
    np.testing.assert_allclose(targets, expected + v, atol=1e-4)


# -- the clipped objective ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratios", "policy", "clipped"),
    [
        # advantages +1 and −1: min(1.5, 1.2) and min(−0.5, −0.8), mean 0.2
        ((1.5, 0.5), -0.2, 1.0),
        # min(0.5, 0.8) and min(−1.5, −1.2), mean −0.5: the pessimistic side is not clipped
        ((0.5, 1.5), 0.5, 1.0),
        ((1.1, 0.9), -0.1, 0.0),
        ((1.0, 1.0), 0.0, 0.0),
    ],
)
def test_clipped_objective_by_hand(plugins, toy_model, toy_clips, ratios, policy, clipped):
    config = PpoSettings(
        encoder_layers=(4,),
        decoder_layers=(4,),
        critic_layers=(4,),
        intention_size=2,
        environments=2,
        batch_size=2,
        minibatches=1,
        clip=0.2,
        kl_weight=0.3,
        entropy=0.2,
    )
    trainer = ProximalPolicyOptimisation(config, make_task(plugins, toy_clips, toy_model))
    rng = np.random.default_rng(0)
    seen = Observation(*(jnp.asarray(rng.normal(size=(1, 2, n)), jnp.float32) for n in (20, 4)))
    noise, moved = (jnp.asarray(rng.normal(size=(1, 2, 2)), jnp.float32) for _ in range(2))
    network = trainer.brain.network
    params = network.init(jax.random.key(0), *seen)
    intention, _ = network.apply(params, seen.reference, method="encode")
    actions, _ = network.apply(params, intention.sample(noise), seen.proprioception, method="decode")
    before = actions.log_prob(moved) - jnp.log(jnp.array([ratios]))
    nothing = jnp.zeros((1, 2))
    data = Transition(seen, noise, jnp.zeros((1, 2, 2)), moved, before, *[nothing] * 3, final=seen)
    targets = network.apply(params, *seen, method="value") + jnp.array([[1.0, 3.0]])
    batch = Batch(seen, data, nothing, jnp.array([[1.0, -1.0]]), targets, trainer.brain.begin(2))
    total, parts = trainer.loss(params, batch, 0.3)
    assert float(parts["policy_loss"]) == pytest.approx(policy, abs=1e-5)
    assert float(parts["clipped_share"]) == clipped
    assert float(parts["critic_loss"]) == pytest.approx(0.5 * (1 + 9) / 2)
    assert float(parts["kl"]) == pytest.approx(float(intention.kl_to().mean()))
    whole = policy + 0.5 * 2.5 + 0.3 * float(parts["kl"]) - 0.2 * float(parts["entropy"])
    assert float(total) == pytest.approx(whole, abs=1e-5)
