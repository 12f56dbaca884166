"""The search: W += rate · Σ (R(W + ε) − R(W − ε)) · ε, normalised (Salimans et al. 2017, algorithm 1, antithetic)."""

import jax
import jax.numpy as jnp

from mimic_core import Controller, Decision


class Search:
    """A `mimic_core.Trainer`: everything that changes is in the state, all chance comes from the seed."""

    def __init__(self, config, task):
        self.config, self.task, self.iterations = config, task, config.generations

    def control_steps(self, iteration):
        return iteration * 2 * self.config.pairs * self.config.horizon

    def initial(self, seed):
        key, sample = jax.random.split(jax.random.key(seed))
        seen = jnp.concatenate(self.task.observe(self.task.reset(sample, 512)), axis=-1)
        rest = jnp.arctanh(self.task.model.actuation.resting_action)
        matrix = jnp.zeros((self.task.action_size, seen.shape[-1] + 1)).at[:, -1].set(rest)
        return {"matrix": matrix, "middle": seen.mean(axis=0), "width": seen.std(axis=0) + 1e-3, "key": key}

    def iterate(self, state):
        cfg, task = self.config, self.task
        key, draw, begin = jax.random.split(state["key"], 3)
        direction = cfg.spread * jax.random.normal(draw, (cfg.pairs, *state["matrix"].shape))
        matrices = state["matrix"] + jnp.concatenate([direction, -direction])
        start = task.reset(begin, cfg.pairs, steps_left=cfg.horizon)
        start = jax.tree.map(lambda a: jnp.concatenate([a, a]), start)

        def step(episodes, _):
            action = act_on(matrices, state["middle"], state["width"], task.observe(episodes))
            after, reward, _ = task.advance(episodes, action)
            return after, reward

        _, rewards = jax.lax.scan(step, start, length=cfg.horizon)
        forwards, backwards = jnp.split(rewards.mean(axis=0), 2)
        gain = (forwards - backwards) / (jnp.std(rewards.mean(axis=0)) + 1e-8)
        climb = (gain[:, None, None] * direction / cfg.spread).mean(axis=0)
        after = {**state, "matrix": state["matrix"] + cfg.rate * climb, "key": key}
        return after, {"reward": rewards.mean(), "best_reward": rewards.mean(axis=0).max()}

    def controller(self, state):
        variables = (state["matrix"], state["middle"], state["width"])
        return Controller(variables=variables, start=lambda batch: (), act=act)


def act_on(matrix, middle, width, observation):
    """(batch, actuator) tanh(W · x) of observations (batch, n); one matrix for all, or one for each."""
    x = (jnp.concatenate(observation, axis=-1) - middle) / width
    x = jnp.concatenate([x, jnp.ones_like(x[:, :1])], axis=-1)
    return jnp.tanh(jnp.einsum("...an,...n->...a", matrix, x))


def act(variables, observation, carry, key):
    return Decision(act_on(*variables, observation), carry)
