"""Proximal policy optimisation of the bottleneck network (Schulman et al. 2017)."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from mimic_bottleneck.brain import BrainOutput, Memory
from mimic_bottleneck.returns import generalised_advantages
from mimic_bottleneck.settings import PpoSettings
from mimic_bottleneck.training import BottleneckTrainer, Learned, TrainState
from mimic_core.task import Observation, Task, TaskState


class Running(NamedTuple):
    """Environments between two control steps."""

    state: TaskState
    seen: Observation
    """not normalised"""
    memory: Memory


class Transition(NamedTuple):
    """One control step of one environment, as the update needs it."""

    observation: Observation
    """not normalised, so that the running scale can be updated from it"""
    intention_noise: Array
    action_noise: Array
    chosen: Array
    """what the policy's probabilities are about: the action before tanh, or the intention where that is the action"""
    log_prob: Array
    reward: Array
    terminated: Array
    ended: Array
    """terminated or truncated: the next step belongs to another episode"""
    final: Observation
    """what the state that this step led to looks like, before any restart"""


class Batch(NamedTuple):
    """Unrolls to learn from; arrays are (time, unroll, …), the memory that each begins with is (unroll, …)."""

    seen: Observation
    data: Transition
    restarted: Array
    """1 where a step is the first of an episode that began within the unroll"""
    advantages: Array
    targets: Array
    memory: Memory


class ProximalPolicyOptimisation(BottleneckTrainer):
    """PPO. Rollout and update are one compiled program."""

    explores = True

    def __init__(self, config: PpoSettings, task: Task) -> None:
        super().__init__(config, task)
        self.unrolls = config.batch_size * config.minibatches // config.environments
        self._steps = config.environments * config.unroll * self.unrolls
        self.iterations = max(1, -(-config.steps // self._steps))
        self.environments = config.environments

    @property
    def optimizer(self) -> optax.GradientTransformation:
        cfg = self.config
        return optax.chain(optax.clip_by_global_norm(cfg.max_gradient_norm), optax.adam(cfg.learning_rate))

    def control_steps(self, iteration: int) -> int:
        return iteration * self._steps

    def start_environments(self, key: Array) -> Running:
        """Begin one episode per environment."""
        state = self.task.reset(key, self.config.environments)
        return Running(state, self.task.observe(state), self.brain.begin(self.config.environments))

    def iterate(self, state: TrainState, phase: int = 0) -> tuple[TrainState, dict[str, Array]]:
        """Unroll, then update on the data in minibatches, several times over."""
        return self.at(state.iteration)._iterate(state, phase)

    def _iterate(self, state: TrainState, phase: int) -> tuple[TrainState, dict[str, Array]]:
        key, gather, learn = self.keys(state)
        envs, (data, memories, measured) = self._gather(state, gather)
        # (unrolls, time, env, …) → (time, unrolls·env, …)
        data = jax.tree.map(lambda a: jnp.moveaxis(a, 1, 0).reshape(a.shape[1], -1, *a.shape[3:]), data)
        memories = jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), memories)
        # the policy that gathered the data saw it through the old scale: the new one serves from the next iteration on
        params, optimizer, losses = self._learn(state, data, memories, learn)
        learned = Learned(
            params,
            state.learned.reference.update(data.observation.reference),
            state.learned.proprioception
            if self.sends_intentions  # the decoder sees its body as it has learned to
            else state.learned.proprioception.update(data.observation.proprioception),
        )
        metrics = {**{k: v.mean() for k, v in measured.items()}, **losses}
        return state._replace(
            learned=learned,
            optimizer=optimizer,
            key=jax.random.key_data(key),
            iteration=state.iteration + 1,
            environments=envs,
        ), metrics

    def _gather(self, state: TrainState, key: Array):
        return jax.lax.scan(
            lambda envs, k: self._unroll(state.learned, envs, k),
            state.environments,
            jax.random.split(key, self.unrolls),
        )

    def _unroll(self, learned: Learned, running: Running, key: Array):
        cfg, task, n = self.config, self.task, self.config.environments
        begin, intend, move = jax.random.split(key, 3)
        # where an environment goes on if its episode ends within this unroll
        fresh = self.devices.spread(task.reset(begin, n))
        new = Running(fresh, task.observe(fresh), self.brain.begin(n))
        noise = jax.random.normal(intend, (cfg.unroll, n, cfg.intention_size))
        moves = jax.random.normal(move, (cfg.unroll, n, task.action_size))

        def step(running: Running, noises):
            noise, move = noises
            seen = self.normalise(learned, running.seen)
            memory, output = self.brain.step(learned.params, seen, running.memory, noise)
            chosen, action = self._chosen(output, move)
            after, outcome = task.step(running.state, action)
            ended = outcome.terminated | outcome.truncated
            final = task.observe(after)
            data = Transition(
                running.seen,
                noise,
                move,
                chosen,
                self._log_prob(output, chosen),
                outcome.reward,
                outcome.terminated,
                ended,
                final,
            )
            measured = {"reward": outcome.reward, "failed": outcome.terminated, **outcome.terms}
            return task.switched(ended, new, Running(after, final, memory)), (data, measured)

        end, (data, measured) = jax.lax.scan(step, running, (noise, moves))
        return end, (data, running.memory, measured)

    def _chosen(self, output: BrainOutput, move: Array) -> tuple[Array, Array]:
        """Return what is chosen at random, see `Transition.chosen`, and the action that comes of it."""
        if self.sends_intentions:
            return output.intention, output.actions.mode()
        pre_tanh = output.actions.loc + output.actions.std * move
        return pre_tanh, jnp.tanh(pre_tanh)

    def _log_prob(self, output: BrainOutput, chosen: Array) -> Array:
        return output.gaussian.log_prob(chosen) if self.sends_intentions else output.actions.log_prob(chosen)

    def _value(self, learned: Learned, observation: Observation) -> Array:
        return self.brain.network.apply(learned.params, *self.normalise(learned, observation), method="value")

    def _learn(self, state: TrainState, data: Transition, memories: Memory, key: Array):
        cfg, learned = self.config, state.learned
        values = self._value(learned, data.observation)
        final_values = self._value(learned, data.final)
        advantages, targets = generalised_advantages(
            data.reward, values, final_values, data.terminated, data.ended, cfg.discount, cfg.gae_lambda
        )
        restarted = jnp.concatenate([jnp.zeros_like(data.reward[:1]), data.ended[:-1].astype(data.reward.dtype)])
        batch = Batch(self.normalise(learned, data.observation), data, restarted, advantages, targets, memories)
        weight = self.kl_weight(state.iteration)

        def minibatch(carry, pick):
            params, optimizer = carry
            part = jax.tree.map(lambda a: a[:, pick], batch._replace(memory=()))
            part = self.devices.spread(part, 1)
            part = part._replace(memory=jax.tree.map(lambda a: a[pick], batch.memory))
            (_, losses), gradient = jax.value_and_grad(self.loss, has_aux=True)(params, part, weight)
            updates, optimizer = self.optimizer.update(gradient, optimizer, params)
            losses["gradient_norm"] = optax.global_norm(gradient)
            return (optax.apply_updates(params, updates), optimizer), losses

        def one_pass(carry, key):
            order = jax.random.permutation(key, advantages.shape[1]).reshape(cfg.minibatches, -1)
            return jax.lax.scan(minibatch, carry, order)

        (params, optimizer), losses = jax.lax.scan(
            one_pass, (learned.params, state.optimizer), jax.random.split(key, cfg.passes)
        )
        return params, optimizer, {k: v.mean() for k, v in losses.items()}

    def loss(self, params, batch: Batch, kl_weight: float | Array):
        """Return the clipped objective + critic's error + KL − entropy, and its parts.

        The intention is the very sample that was acted on (its noise is part of the data), so that the ratio
        of probabilities is exact. The entropy is estimated with the noise of the actions, as good as new draws.
        """
        cfg, data = self.config, batch.data
        params = self.held(params)
        output = self.brain.unroll(params, batch.seen, batch.memory, batch.restarted, data.intention_noise)
        values = self.brain.network.apply(params, *batch.seen, method="value")
        scaled = (batch.advantages - batch.advantages.mean()) / (batch.advantages.std() + 1e-8)
        ratio = jnp.exp(self._log_prob(output, data.chosen) - data.log_prob)
        policy = -jnp.minimum(ratio * scaled, jnp.clip(ratio, 1 - cfg.clip, 1 + cfg.clip) * scaled).mean()
        critic = 0.5 * ((values - batch.targets) ** 2).mean()
        kl = output.kl.mean()
        sends = self.sends_intentions
        entropy = (output.gaussian.entropy() if sends else output.actions.entropy(data.action_noise)).mean()
        total = policy + cfg.value_weight * critic + kl_weight * kl - cfg.entropy * entropy
        clipped = (jnp.abs(ratio - 1) > cfg.clip).mean()
        return total, {
            "policy_loss": policy,
            "critic_loss": critic,
            "kl": kl,
            "entropy": entropy,
            "clipped_share": clipped,
        }

    def retrace(self, state: TrainState, phase: int) -> dict[str, Array]:
        """Every number of the next iteration's unrolls, (time, environment, …)."""
        _, gather, _ = self.keys(state)
        _, (data, _, measured) = self._gather(state, gather)
        found = {
            "observation": jnp.concatenate(data.observation, axis=-1),
            "action": data.chosen,
            "observation after the step": jnp.concatenate(data.final, axis=-1),
            **{f"reward term {t.name}": measured[t.name] for t in self.task.rewards},
        }
        return {k: v.reshape(-1, *v.shape[2:]) for k, v in found.items()}  # unrolls one after the other
