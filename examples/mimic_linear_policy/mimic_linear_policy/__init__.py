"""A linear feedback policy, trained without gradients: action = tanh(W · observation), W found by cross-entropy search."""

import attrs

from mimic_core import PolicySpec, hookimpl
from mimic_core.trainer import LoopSettings

AT_LEAST_TWO = attrs.validators.ge(2)


@attrs.frozen(kw_only=True)
class Settings(LoopSettings):
    """Settings of the search; those of the loop around it (evaluations, checkpoints) are inherited.

    Attributes:
        generations: how often W is sampled and the best kept.
        candidates: matrices W per generation.
        elite: the best of them, which the next generation is sampled around.
        episodes: per candidate, the same for all candidates of a generation.
        horizon: control steps per episode.
        spread: standard deviation of the entries of W in the first generation.
    """

    generations: int = attrs.field(default=60, validator=AT_LEAST_TWO)
    candidates: int = attrs.field(default=64, validator=AT_LEAST_TWO)
    elite: int = attrs.field(default=10, validator=AT_LEAST_TWO)
    episodes: int = attrs.field(default=12, validator=AT_LEAST_TWO)
    horizon: int = attrs.field(default=40, validator=AT_LEAST_TWO)
    spread: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))


def build(config, task):
    return CrossEntropySearch(config, task)


class CrossEntropySearch:
    """Sample matrices W from a normal distribution, fit it to those with the highest reward, and again."""

    def __init__(self, config, task):
        self.config, self.task, self.iterations = config, task, config.generations

    def control_steps(self, iteration):
        return iteration * self.config.candidates * self.config.episodes * self.config.horizon

    def initial(self, seed):
        import jax
        import jax.numpy as jnp

        key, sample = jax.random.split(jax.random.key(seed))
        seen = jnp.concatenate(self.task.observe(self.task.reset(sample, 1000)), axis=-1)
        rest = jnp.full((self.task.action_size, 1), jnp.arctanh(self.task.model.actuation.resting_action))
        mean = jnp.hstack([jnp.zeros((self.task.action_size, seen.shape[-1])), rest])
        scale = {"middle": seen.mean(axis=0), "width": seen.std(axis=0) + 1e-3}
        return {"mean": mean, "std": jnp.full(mean.shape, self.config.spread), "scale": scale, "key": key}

    def iterate(self, state):
        import jax
        import jax.numpy as jnp

        cfg, task = self.config, self.task
        key, sample, begin = jax.random.split(state["key"], 3)
        noise = jax.random.normal(sample, (cfg.candidates, *state["mean"].shape))
        matrices = state["mean"] + state["std"] * noise
        each = jnp.repeat(matrices, cfg.episodes, axis=0)
        episodes = task.reset(begin, cfg.episodes, steps_left=cfg.horizon)
        episodes = jax.tree.map(lambda a: jnp.concatenate([a] * cfg.candidates), episodes)

        def step(episodes, _):
            action = act_on(each, state["scale"], task.observe(episodes))
            episodes, reward, _ = task.advance(episodes, action)
            return episodes, reward

        _, reward = jax.lax.scan(step, episodes, length=cfg.horizon)
        score = reward.mean(axis=0).reshape(cfg.candidates, cfg.episodes).mean(axis=1)
        best = matrices[jnp.argsort(-score)[: cfg.elite]]
        std = best.std(axis=0) + 0.02 * cfg.spread
        state = {**state, "mean": best.mean(axis=0), "std": std, "key": key}
        return state, {"reward": score.mean(), "best_reward": score.max(), "spread": std.mean()}

    def controller(self, state):
        from mimic_core import Controller

        return Controller(variables=(state["mean"], state["scale"]), start=lambda batch: (), act=act)


def act_on(matrix, scale, observation):
    """tanh(W·x) for observations (batch, n) and a matrix for all, or one for each."""
    import jax.numpy as jnp

    x = (jnp.concatenate(observation, axis=-1) - scale["middle"]) / scale["width"]
    x = jnp.concatenate([x, jnp.ones_like(x[:, :1])], axis=-1)
    return jnp.tanh(jnp.einsum("...an,...n->...a", matrix, x))


def act(variables, observation, carry, key):
    from mimic_core import Decision

    return Decision(act_on(*variables, observation), carry)


@hookimpl
def mimic_policies():
    yield PolicySpec(name="linear", config=Settings, build=build, summary="linear feedback, by cross-entropy search")
