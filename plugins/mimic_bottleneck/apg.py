"""Analytic policy gradients: because the body, its muscles and the reward terms are differentiable functions,
the reward summed over a short segment has a gradient with respect to the policy, and the policy climbs it.

A segment begins anywhere in a training clip, in the reference's state. The gradient flows through the simulator's
differentiable view; reported numbers come from the true physics.
"""

from __future__ import annotations

import jax
import optax
from jax import Array

from mimic_bottleneck import ApgSettings
from mimic_bottleneck.network import Gaussian
from mimic_bottleneck.training import BottleneckTrainer, Learned, TrainState
from mimic_core.task import Task, TaskState


class AnalyticPolicyGradient(BottleneckTrainer):
    """Maximise Σ weight·term over short segments by its gradient (Wiedemann et al. 2023)."""

    def __init__(self, config: ApgSettings, task: Task) -> None:
        super().__init__(config, task)
        self.horizon = config.horizon or (30 if task.model.mj_model.na else 10)
        self.environments = config.environments or max(1, 1920 // self.horizon)
        self.steps_per_iteration = self.environments * self.horizon
        schedule = optax.cosine_decay_schedule(config.learning_rate, self.iterations, alpha=0.01)
        self.optimizer = optax.chain(optax.clip_by_global_norm(config.max_gradient_norm), optax.adam(schedule))

    def states_for_scale(self, key: Array) -> TaskState:
        """Return states near the reference with every activation there is: here the scale stays as it is set first."""
        begin, drive = jax.random.split(key)
        state = super().states_for_scale(begin)
        actuation = self.task.model.actuation
        activation = jax.random.uniform(drive, state.sim.activation.shape, minval=actuation.low, maxval=actuation.high)
        return state._replace(sim=state.sim._replace(activation=activation))

    def loss(self, params, learned: Learned, key: Array) -> tuple[Array, dict[str, Array]]:
        """Return −mean reward per control step + KL over a batch of segments, and what it consists of."""
        cfg = self.config
        begin, noise = jax.random.split(key)
        learned = learned._replace(params=params)
        state = self.task.reset(begin, self.environments, steps_left=self.horizon)

        @jax.checkpoint
        def step(state, key):
            action, intention = self._act_with_sampled_intention(learned, self.task.observe(state), key)
            state, reward, terms = self.task.advance(state, action)
            kl = intention.kl_to_standard_normal()
            return state, {"reward": reward.mean(), "kl": kl.mean(), **{k: v.mean() for k, v in terms.items()}}

        _, trace = jax.lax.scan(step, state, jax.random.split(noise, self.horizon))
        means = {k: v.mean() for k, v in trace.items()}
        return -means["reward"] + cfg.kl_weight * means["kl"], means

    def _act_with_sampled_intention(self, learned: Learned, observation, key: Array) -> tuple[Array, Gaussian]:
        """Sample the intention (reparametrised) and take the mode of the action."""
        seen = self.normalise(learned, observation)
        gaussian, _ = self.network.apply(learned.params, seen.reference, method="encode")
        z = gaussian.sample(jax.random.normal(key, gaussian.mean.shape))
        actions, _ = self.network.apply(learned.params, z, seen.proprioception, method="decode")
        return actions.mode(), gaussian

    def iterate(self, state: TrainState) -> tuple[TrainState, dict[str, Array]]:
        """Take one gradient step."""
        key, use = jax.random.split(jax.random.wrap_key_data(state.key))
        gradient, metrics = jax.grad(self.loss, has_aux=True)(state.learned.params, state.learned, use)
        updates, optimizer = self.optimizer.update(gradient, state.optimizer, state.learned.params)
        learned = state.learned._replace(params=optax.apply_updates(state.learned.params, updates))
        metrics = {**metrics, "gradient_norm": optax.global_norm(gradient)}
        return state._replace(
            learned=learned, optimizer=optimizer, key=jax.random.key_data(key), iteration=state.iteration + 1
        ), metrics
