"""Analytic policy gradients: because the body, its muscles and the reward terms are differentiable functions,
the reward summed over a short segment has a gradient with respect to the policy, and the policy climbs it.

A segment begins anywhere in a training clip, in the reference's state; or, with a critic that values what comes after
its end, where the last segment of the same environment ended. The gradient flows through the simulator's
differentiable view; reported numbers come from the true physics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from mimic_bottleneck.brain import Memory
from mimic_bottleneck.critic import Critic, Lesson
from mimic_bottleneck.phases import Phase, Phases
from mimic_bottleneck.returns import lambda_returns
from mimic_bottleneck.settings import ApgSettings
from mimic_bottleneck.training import BottleneckTrainer, Learned, TrainState
from mimic_core import BodyModel
from mimic_core.task import Task, TaskState

if TYPE_CHECKING:
    import mujoco

_CONTROL_STEPS = 1920
"""per update, unless the settings say otherwise"""


_WORTH_SAYING_S, _TOO_LONG_S = 20.0, 120.0


def expected_compile_s(model: BodyModel) -> float:
    """Roughly how long the program of an iteration takes to compile on two cores, s.

    What grows is the dynamics of one control step and its derivative: with the degrees of freedom, the bodies, and what
    muscles wrap around. The number of steps hardly counts, since they are a loop.
    """
    m = model.mj_model
    each = {"any": 1, "dof": m.nv, "body": m.nbody, "point": m.nwrap, "wrapping": _wraps(m)}
    return sum(_COMPILE_S[what] * count for what, count in each.items())


def _wraps(m: mujoco.MjModel) -> bool:
    """Whether a tendon passes around a sphere or a cylinder."""
    from mujoco import mjtWrap

    return bool(np.isin(m.wrap_type, (int(mjtWrap.mjWRAP_SPHERE), int(mjtWrap.mjWRAP_CYLINDER))).any())


_COMPILE_S = {"any": 14.0, "dof": 0.16, "body": 0.16, "point": 0.1, "wrapping": 20.0}
"""s on two cores: 15 for the mouse's forelimb, 36 for the rat, 30 to 40 for a finger with 5 muscles that wrap, 80 for a
worm with 95 and 85 for a human arm with 63"""


class Running(NamedTuple):
    """Environments between two segments, with ``bootstrap``."""

    state: TaskState
    memory: Memory


class Steps(NamedTuple):
    """States of the optimizers, with ``bootstrap``."""

    policy: optax.OptState
    critic: optax.OptState


class AnalyticPolicyGradient(BottleneckTrainer):
    """Maximise Σ weight·term over short segments by its gradient (Wiedemann et al. 2023, arXiv 2209.13052).

    With ``bootstrap`` the sum is discounted and a critic's value of the last state is added (SHAC, Xu et al. 2022,
    arXiv 2204.07137, equation 5).
    """

    def __init__(self, config: ApgSettings, task: Task) -> None:
        super().__init__(config, task)
        self.phases = _phases(config, task)
        self.iterations = self.phases.iterations
        self.environments = min(p.environments for p in self.phases)
        self.critic = Critic(self.brain.network, config.critic_learning_rate, config.critic_passes)

    @property
    def expects(self) -> str:
        """What is worth knowing before a compilation that takes long; else empty."""
        seconds = expected_compile_s(self.task.model)
        if seconds < _WORTH_SAYING_S:
            return ""
        other = "; --policy bottleneck_ppo compiles in less" if seconds > _TOO_LONG_S else ""
        dofs = self.task.model.mj_model.nv
        return f"the gradient through {dofs} degrees of freedom takes about {seconds:.0f} s to compile{other}"

    @property
    def optimizer(self) -> optax.GradientTransformation:
        cfg = self.config
        schedule = optax.cosine_decay_schedule(cfg.learning_rate, self.iterations, alpha=0.01)
        return optax.chain(optax.clip_by_global_norm(cfg.max_gradient_norm), optax.adam(schedule))

    def phase(self, iteration: int) -> int:
        """Which of `phases` an iteration belongs to."""
        return self.phases.at(iteration)

    def control_steps(self, iteration: int) -> int:
        """Control steps that so many iterations take, over all environments."""
        return self.phases.control_steps(iteration)

    def states_for_scale(self, key: Array) -> TaskState:
        """Return states near the reference with every activation there is: here the scale stays as it is set first."""
        begin, drive = jax.random.split(key)
        state = super().states_for_scale(begin)
        actuation = self.task.model.actuation
        activation = jax.random.uniform(drive, state.sim.activation.shape, minval=actuation.low, maxval=actuation.high)
        return self.task.placed(state, state.sim._replace(activation=activation))

    def start_environments(self, key: Array) -> Running | tuple:
        if not self.config.bootstrap:
            return ()
        n = self.phases[0].environments
        return Running(self.task.reset(key, n), self.brain.begin(n))

    def start_optimizer(self, params: Any) -> Any:
        policy = super().start_optimizer(params)
        return Steps(policy, self.critic.begin(params)) if self.config.bootstrap else policy

    # -- one segment ------------------------------------------------------------------------------------------

    def _begin(self, state: TrainState, phase: int, key: Array) -> Running:
        """Where the segments of an update begin."""
        if self.config.bootstrap:
            return state.environments
        of = self.phases[phase]
        return Running(
            self.devices.spread(self.task.reset(key, of.environments, steps_left=of.horizon, lead=of.horizon)),
            self.brain.begin(of.environments),
        )

    def _decide(self, learned: Learned, running: Running, key: Array):
        """Sample the intention (reparametrised) and take the mode of the action."""
        seen = self.normalise(learned, self.task.observe(running.state))
        noise = jax.random.normal(key, (seen.reference.shape[0], self.config.intention_size))
        memory, output = self.brain.step(learned.params, seen, running.memory, noise)
        return seen, memory, output

    def loss(self, params, learned: Learned, begin: Running, at: Array, phase: int, key: Array):
        """Return −mean reward per control step + KL over a batch of segments, and what comes beside it.

        That is what the reward consists of; with ``bootstrap`` also the segments' ends and what the critic is to learn.
        ``at`` is the iteration.
        """
        learned = learned._replace(params=self.held(params))
        horizon = self.phases[phase].horizon
        if self.config.bootstrap:
            trust = self._risen(at, self.config.value_warmup)
            objective, means, *after = self._bootstrapped(learned, begin, horizon, trust, key)
        else:
            objective, means, *after = self._summed(learned, begin, horizon, key)
        return objective + self.kl_weight(at) * means["kl"], (means, after)

    def _summed(self, learned: Learned, begin: Running, horizon: int, key: Array):
        """The plain sum over segments that nothing ends."""

        @jax.checkpoint
        def step(running, key):
            _, memory, output = self._decide(learned, running, key)
            state, reward, terms = self.task.advance(running.state, output.actions.mode())
            return Running(state, memory), _means(reward, output.kl, terms)

        _, trace = jax.lax.scan(step, begin, jax.random.split(key, horizon))
        means = {k: v.mean() for k, v in trace.items()}
        return -means["reward"], means

    def _bootstrapped(self, learned: Learned, begin: Running, horizon: int, trust: Array, key: Array):
        """The discounted sum with ``trust`` of the critic's value where a segment, or a clip within it, ends."""
        cfg, task, n = self.config, self.task, begin.state.step.shape[0]
        noise, again, pick = jax.random.split(key, 3)
        fresh = self.devices.spread(task.reset(again, n))
        # the critic judges, but does not move to please the policy
        judge = learned._replace(params=jax.lax.stop_gradient(learned.params))

        @jax.checkpoint
        def step(carry, key):
            running, worth, discount = carry
            seen, memory, output = self._decide(learned, running, key)
            after, outcome = task.step(running.state, output.actions.mode())
            value = self._value(judge, after)
            ended = outcome.terminated | outcome.truncated
            goes_on = jnp.where(outcome.terminated, 0.0, value)
            beyond = jnp.where(ended, trust * cfg.discount * goes_on, 0.0)
            worth = worth + discount * (outcome.reward + beyond)
            discount = jnp.where(ended, 1.0, discount * cfg.discount)
            running = Running(task.switched(ended, fresh, after), self.brain.forget(memory, ended))
            data = (seen, outcome.reward, value, outcome.terminated, ended)
            return (running, worth, discount), (_means(outcome.reward, output.kl, outcome.terms), data)

        carry = (begin, jnp.zeros(n), jnp.ones(n))
        (end, worth, discount), (trace, data) = jax.lax.scan(step, carry, jax.random.split(noise, horizon))
        last = trust * jnp.where(data[4][-1], 0.0, discount * self._value(judge, end.state))
        seen, reward, following, terminated, ended = jax.lax.stop_gradient(data)
        targets = lambda_returns(reward, following, terminated, ended, cfg.discount, cfg.td_lambda)
        means = {k: v.mean() for k, v in trace.items()}
        restarted = jax.random.uniform(pick, (n,)) < cfg.restarted
        end = Running(task.switched(restarted, fresh, end.state), self.brain.forget(end.memory, restarted))
        return (
            -(worth + last).mean() / horizon,
            means,
            jax.lax.stop_gradient(end),
            Lesson(seen, targets / self._steps_ahead),
        )

    def _value(self, learned: Learned, state: TaskState) -> Array:
        seen = self.normalise(learned, self.task.observe(state))
        return self._steps_ahead * self.brain.network.apply(learned.params, *seen, method="value")

    @property
    def _steps_ahead(self) -> float | Array:
        """How many control steps a value sums over, about: the critic says the mean reward of them, a number near 1."""
        return 1.0 / jnp.maximum(1.0 - self.config.discount, 1e-3)

    def iterate(self, state: TrainState, phase: int = 0) -> tuple[TrainState, dict[str, Array]]:
        """Take one gradient step."""
        return self.at(state.iteration)._iterate(state, phase)

    def _iterate(self, state: TrainState, phase: int) -> tuple[TrainState, dict[str, Array]]:
        key, begin, use = self.keys(state)
        start = self._begin(state, phase, begin)
        gradient, (metrics, after) = jax.grad(self.loss, has_aux=True)(
            state.learned.params, state.learned, start, state.iteration, phase, use
        )
        metrics |= {"gradient_norm": optax.global_norm(gradient)}
        environments: Running | tuple = ()
        if self.config.bootstrap:
            environments, lesson = after
            policy = state._replace(optimizer=state.optimizer.policy)
            params, policy_steps = self.step_of_optimizer(policy, gradient)
            params, critic_steps, metrics["critic_loss"] = self.critic.learn(
                params, state.optimizer.critic, lesson, jax.random.fold_in(use, 1)
            )
            optimizer: Any = Steps(policy_steps, critic_steps)
        else:
            params, optimizer = self.step_of_optimizer(state, gradient)
        return state._replace(
            learned=state.learned._replace(params=params),
            optimizer=optimizer,
            key=jax.random.key_data(key),
            iteration=state.iteration + 1,
            environments=environments,
        ), metrics

    def retrace(self, state: TrainState, phase: int) -> dict[str, Array]:
        """Every number of the next iteration's segments, and the gradient of their reward by the actions."""
        _, begin, use = self.keys(state)
        start, horizon = self._begin(state, phase, begin), self.phases[phase].horizon
        keys = jax.random.split(use, horizon)

        def run(nudge):
            def step(running, x):
                key, nudge = x
                seen, memory, output = self._decide(state.learned, running, key)
                action = output.actions.mode() + nudge
                after, _, terms = self.task.advance(running.state, action)
                found = {"observation": jnp.concatenate(seen, axis=-1), "action": action}
                found |= {"joint position": after.sim.qpos, "joint velocity": after.sim.qvel}
                found |= {"activation": after.sim.activation, **{f"reward term {k}": v for k, v in terms.items()}}
                return Running(after, memory), found

            return jax.lax.scan(step, start, (keys, nudge))[1]

        still = jnp.zeros((horizon, start.state.step.shape[0], self.task.action_size))
        gradients = {
            f"gradient of reward term {t.name}": jax.grad(lambda x, k=t.name: run(x)[f"reward term {k}"].sum())(still)
            for t in self.task.rewards
        }
        return {**run(still), **gradients}


def _means(reward: Array, kl: Array, terms: dict[str, Array]) -> dict[str, Array]:
    return {"reward": reward.mean(), "kl": kl.mean(), **{k: v.mean() for k, v in terms.items()}}


def _phases(config: ApgSettings, task: Task) -> Phases:
    """The parts of a training, of about equally many control steps."""
    horizons = config.horizons or (config.horizon or (60 if task.model.mj_model.na else 10),)
    batches = config.batches or (_CONTROL_STEPS,)
    parts = max(len(horizons), len(batches))
    out = []
    for i in range(parts):
        horizon, batch = horizons[i * len(horizons) // parts], batches[i * len(batches) // parts]
        environments = config.environments or max(1, batch // horizon)
        out.append(Phase(horizon, environments, max(1, -(-config.steps // (parts * horizon * environments)))))
    return Phases(out)
