"""Proximal policy optimisation of the bottleneck network (Schulman et al. 2017)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from jaxtyping import Float

from mimic_bottleneck import PpoSettings
from mimic_bottleneck.training import BottleneckTrainer, Learned, TrainState
from mimic_core.task import Observation, Task


class Transition(NamedTuple):
    """One control step of one environment, as the update needs it."""

    observation: Observation
    intention_noise: Array
    pre_tanh: Array
    log_prob: Array
    reward: Array
    terminated: Array
    ended: Array
    """terminated or truncated: the next step belongs to another episode"""
    final_value: Array
    """critic's value of the state that this step led to, before any restart"""


class ProximalPolicyOptimisation(BottleneckTrainer):
    """PPO. Rollout and update are one compiled program."""

    def __init__(self, config: PpoSettings, task: Task) -> None:
        super().__init__(config, task)
        self.unrolls = config.batch_size * config.minibatches // config.environments
        self.steps_per_iteration = config.environments * config.unroll * self.unrolls
        self.optimizer = optax.chain(
            optax.clip_by_global_norm(config.max_gradient_norm), optax.adam(config.learning_rate)
        )

    def start_environments(self, key: Array):
        """Begin one episode per environment."""
        return self.task.reset(key, self.config.environments)

    def iterate(self, state: TrainState) -> tuple[TrainState, dict[str, Array]]:
        """Unroll, then update on the data in minibatches, several times over."""
        key, gather, learn = jax.random.split(jax.random.wrap_key_data(state.key), 3)
        envs, (data, measured) = jax.lax.scan(
            lambda envs, k: self._unroll(state.learned, envs, k),
            state.environments,
            jax.random.split(gather, self.unrolls),
        )
        # (unrolls, time, env, …) → (time, unrolls·env, …)
        data = jax.tree.map(lambda a: jnp.moveaxis(a, 1, 0).reshape(a.shape[1], -1, *a.shape[3:]), data)
        # the policy that gathered the data saw it through the old scale: the new one serves from the next iteration on
        params, optimizer, losses = self._learn(state.learned, state.optimizer, data, learn)
        learned = Learned(
            params,
            state.learned.reference.update(data.observation.reference),
            state.learned.proprioception.update(data.observation.proprioception),
        )
        metrics = {**{k: v.mean() for k, v in measured.items()}, **losses}
        return state._replace(
            learned=learned,
            optimizer=optimizer,
            key=jax.random.key_data(key),
            iteration=state.iteration + 1,
            environments=envs,
        ), metrics

    def _unroll(self, learned: Learned, envs, key: Array):
        task, size = self.task, self.config.intention_size

        def step(envs, key):
            intend, move, again = jax.random.split(key, 3)
            seen = self.normalise(learned, task.observe(envs))
            gaussian, _ = self.network.apply(learned.params, seen.reference, method="encode")
            noise = jax.random.normal(intend, (*gaussian.mean.shape[:-1], size))
            actions, _ = self.network.apply(
                learned.params, gaussian.sample(noise), seen.proprioception, method="decode"
            )
            pre_tanh = actions.loc + actions.std * jax.random.normal(move, actions.loc.shape)
            after, outcome = task.step(envs, jnp.tanh(pre_tanh))
            ended = outcome.terminated | outcome.truncated
            final = self._value(learned, task.observe(after))
            # observations are kept unscaled, so that the running scale can be updated from them
            data = Transition(
                task.observe(envs),
                noise,
                pre_tanh,
                actions.log_prob(pre_tanh),
                outcome.reward,
                outcome.terminated,
                ended,
                final,
            )
            measured = {
                "reward": outcome.reward.mean(),
                "failed": outcome.terminated.mean(),
                **{k: v.mean() for k, v in outcome.terms.items()},
            }
            return task.restart(again, after, ended), (data, measured)

        return jax.lax.scan(step, envs, jax.random.split(key, self.config.unroll))

    def _value(self, learned: Learned, observation: Observation) -> Array:
        seen = self.normalise(learned, observation)
        return self.network.apply(learned.params, *seen, method="value")

    def _learn(self, learned: Learned, optimizer, data: Transition, key: Array):
        cfg = self.config
        values = self._value(learned, data.observation)
        advantages, targets = generalised_advantages(
            data.reward, values, data.final_value, data.terminated, data.ended, cfg.discount, cfg.gae_lambda
        )
        seen = self.normalise(learned, data.observation)
        batch = (seen, data, advantages, targets)
        unrolls = advantages.shape[1]

        def minibatch(carry, pick_and_key):
            params, optimizer = carry
            pick, key = pick_and_key
            part = jax.tree.map(lambda a: a[:, pick], batch)
            (_, losses), gradient = jax.value_and_grad(self.loss, has_aux=True)(params, *part, key)
            updates, optimizer = self.optimizer.update(gradient, optimizer, params)
            return (optax.apply_updates(params, updates), optimizer), losses

        def one_pass(carry, key):
            shuffle, noise = jax.random.split(key)
            order = jax.random.permutation(shuffle, unrolls).reshape(cfg.minibatches, -1)
            return jax.lax.scan(minibatch, carry, (order, jax.random.split(noise, cfg.minibatches)))

        (params, optimizer), losses = jax.lax.scan(
            one_pass, (learned.params, optimizer), jax.random.split(key, cfg.passes)
        )
        return params, optimizer, {k: v.mean() for k, v in losses.items()}

    def loss(self, params, seen: Observation, data: Transition, advantages: Array, targets: Array, key: Array):
        """Return the clipped objective + critic's error + KL − entropy, and its parts.

        The intention is the very sample that was acted on (its noise is part of the data), so that the ratio
        of probabilities is exact.
        """
        cfg = self.config
        gaussian, _ = self.network.apply(params, seen.reference, method="encode")
        actions, _ = self.network.apply(
            params, gaussian.sample(data.intention_noise), seen.proprioception, method="decode"
        )
        values = self.network.apply(params, *seen, method="value")
        scaled = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        ratio = jnp.exp(actions.log_prob(data.pre_tanh) - data.log_prob)
        policy = -jnp.minimum(ratio * scaled, jnp.clip(ratio, 1 - cfg.clip, 1 + cfg.clip) * scaled).mean()
        critic = 0.5 * ((values - targets) ** 2).mean()
        kl = gaussian.kl_to_standard_normal().mean()
        entropy = actions.entropy(jax.random.normal(key, actions.loc.shape)).mean()
        total = policy + cfg.value_weight * critic + cfg.kl_weight * kl - cfg.entropy * entropy
        clipped = (jnp.abs(ratio - 1) > cfg.clip).mean()
        return total, {
            "policy_loss": policy,
            "critic_loss": critic,
            "kl": kl,
            "entropy": entropy,
            "clipped_share": clipped,
        }


def generalised_advantages(
    rewards: Float[Array, "time env"],
    values: Float[Array, "time env"],
    final_values: Float[Array, "time env"],
    terminated: Array,
    ended: Array,
    discount: float,
    lam: float,
) -> tuple[Float[Array, "time env"], Float[Array, "time env"]]:
    """Return advantages and value targets (Schulman et al. 2016, equation 16).

    δ_t = r_t + γ·V(s') − V(s_t), with V(s') = 0 where the episode failed; A_t = δ_t + γλ·A_{t+1}, cut where
    an episode ended. ``final_values`` are V(s') of the state that each step really led to, so that the end of a
    clip is not mistaken for a failure.
    """
    deltas = rewards + discount * jnp.where(terminated, 0.0, final_values) - values

    def back(later, x):
        delta, ended = x
        advantage = delta + discount * lam * jnp.where(ended, 0.0, later)
        return advantage, advantage

    _, advantages = jax.lax.scan(back, jnp.zeros_like(rewards[0]), (deltas, ended), reverse=True)
    return advantages, advantages + values
