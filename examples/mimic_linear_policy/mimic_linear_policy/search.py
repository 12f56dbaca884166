"""Draw matrices W from a normal distribution, fit it to those that earn the most reward, and again."""

import jax
import jax.numpy as jnp

from mimic_core import Controller, Decision


class CrossEntropySearch:
    def __init__(self, config, task):
        self.config, self.task, self.iterations = config, task, config.generations

    def control_steps(self, iteration):
        return iteration * self.config.candidates * self.config.episodes * self.config.horizon

    def initial(self, seed):
        key, sample = jax.random.split(jax.random.key(seed))
        seen = jnp.concatenate(self.task.observe(self.task.reset(sample, 1000)), axis=-1)
        rest = jnp.arctanh(self.task.model.actuation.resting_action)
        mean = jnp.zeros((self.task.action_size, seen.shape[-1] + 1)).at[:, -1].set(rest)
        scale = {"middle": seen.mean(axis=0), "width": seen.std(axis=0) + 1e-3}
        return {"mean": mean, "std": jnp.full(mean.shape, self.config.spread), "scale": scale, "key": key}

    def iterate(self, state):
        cfg, task = self.config, self.task
        key, draw, begin = jax.random.split(state["key"], 3)
        candidates = state["mean"] + state["std"] * jax.random.normal(draw, (cfg.candidates, *state["mean"].shape))
        matrices = jnp.repeat(candidates, cfg.episodes, axis=0)
        episodes = task.reset(begin, cfg.episodes, steps_left=cfg.horizon)
        episodes = jax.tree.map(lambda a: jnp.concatenate([a] * cfg.candidates), episodes)

        def step(episodes, _):
            after, reward, _ = task.advance(episodes, act_on(matrices, state["scale"], task.observe(episodes)))
            return after, reward

        _, reward = jax.lax.scan(step, episodes, length=cfg.horizon)
        score = reward.mean(axis=0).reshape(cfg.candidates, cfg.episodes).mean(axis=1)
        best = candidates[jnp.argsort(-score)[: cfg.candidates // 8]]
        state = {**state, "mean": best.mean(axis=0), "std": best.std(axis=0) + 0.02 * cfg.spread, "key": key}
        return state, {"reward": score.mean(), "best_reward": score.max()}

    def controller(self, state):
        return Controller(variables=(state["mean"], state["scale"]), start=lambda batch: (), act=act)


def act_on(matrix, scale, observation):
    """tanh(W·x) for observations (batch, n); one matrix for all, or one for each."""
    x = (jnp.concatenate(observation, axis=-1) - scale["middle"]) / scale["width"]
    x = jnp.concatenate([x, jnp.ones_like(x[:, :1])], axis=-1)
    return jnp.tanh(jnp.einsum("...an,...n->...a", matrix, x))


def act(variables, observation, carry, key):
    return Decision(act_on(*variables, observation), carry)
