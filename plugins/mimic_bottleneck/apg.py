"""Analytic policy gradients: because the body, its muscles and the reward terms are differentiable functions,
the reward summed over a short segment has a gradient with respect to the policy, and the policy climbs it.

A segment begins anywhere in a training clip, in the reference's state; or, with a critic for what comes after its end,
where the last segment of the same environment ended. The gradient flows through the simulator's
differentiable view; reported numbers come from the true physics.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from mimic_bottleneck.brain import Memory
from mimic_bottleneck.critic import Critic, CriticState, Lesson, as_numbers, moved
from mimic_bottleneck.phases import Phase, Phases
from mimic_bottleneck.settings import ApgSettings
from mimic_bottleneck.training import BottleneckTrainer, Learned, TrainState
from mimic_core import BodyModel
from mimic_core.task import Task, TaskState

if TYPE_CHECKING:
    import mujoco

_CONTROL_STEPS = 1920
"""per update, unless the settings say otherwise"""


_WORTH_SAYING_S, _TOO_LONG_S = 20.0, 120.0

remembering = partial(jax.checkpoint, policy=jax.checkpoint_policies.save_only_these_names("simulated"))
"""Decorate what is computed anew for its slopes, but for steps of an engine that names them so."""


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
    critic: CriticState


class AnalyticPolicyGradient(BottleneckTrainer):
    """Maximise Σ weight·term over short segments by its gradient (Wiedemann et al. 2023, arXiv 2209.13052).

    With ``bootstrap`` the sum is discounted, and what comes after it counts by its slope at the last state, which a
    critic says: the segments of SHAC (Xu et al. 2022, arXiv 2204.07137) with the critic of dual heuristic programming
    (see `mimic_bottleneck.critic`) in the place of a value.
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

    def critic_size(self, config: ApgSettings, task: Task) -> int:
        """With ``bootstrap`` a slope for each number of the state."""
        m = task.model.mj_model
        return m.nq + m.nv + task.action_size if config.bootstrap else 1

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

    def loss(self, params, nudges, state: TrainState, begin: Running, phase: int, key: Array):
        """Return −mean reward per control step + KL over a batch of segments, and what comes beside it.

        That is what the reward consists of; with ``bootstrap`` also the segments' ends, and what was seen in each step
        at which discount. ``nudges`` (time, env, state) are zeros that are added to the states, for the slopes by them.
        """
        learned = state.learned._replace(params=self.held(params))
        if self.config.bootstrap:
            objective, means, *after = self._bootstrapped(learned, state, begin, nudges, key)
        else:
            objective, means, *after = self._summed(learned, begin, self.phases[phase].horizon, key)
        return objective + self.kl_weight(state.iteration) * means["kl"], (means, after)

    def _summed(self, learned: Learned, begin: Running, horizon: int, key: Array):
        """The plain sum over segments that nothing ends."""

        @remembering
        def step(running, key):
            _, memory, output = self._decide(learned, running, key)
            state, reward, terms = self.task.advance(running.state, output.actions.mode())
            return Running(state, memory), _means(reward, output.kl, terms)

        _, trace = jax.lax.scan(step, begin, jax.random.split(key, horizon))
        means = {k: v.mean() for k, v in trace.items()}
        return -means["reward"], means

    def _bootstrapped(self, learned: Learned, state: TrainState, begin: Running, nudges: Array, key: Array):
        """The discounted sum with the critic's slope where a segment ends. Nothing comes after the end of a clip."""
        cfg, task, n = self.config, self.task, begin.state.step.shape[0]
        noise, again, pick = jax.random.split(key, 3)
        fresh = self.devices.spread(task.reset(again, n))

        @remembering
        def step(carry, x):
            key, nudge = x
            running, worth, discount = carry
            at = running.state._replace(sim=moved(running.state.sim, nudge))
            seen, memory, output = self._decide(learned, Running(at, running.memory), key)
            after, outcome = task.step(at, output.actions.mode())
            ended = outcome.terminated | outcome.truncated
            worth = worth + discount * outcome.reward
            following = jnp.where(ended, 1.0, discount * cfg.discount)
            running = Running(task.switched(ended, fresh, after), self.brain.forget(memory, ended))
            return (running, worth, following), (
                _means(outcome.reward, output.kl, outcome.terms),
                (seen, discount, ended),
            )

        carry, keys = (begin, jnp.zeros(n), jnp.ones(n)), jax.random.split(noise, len(nudges))
        (end, worth, discount), (trace, (seen, discounts, ended)) = jax.lax.scan(step, carry, (keys, nudges))
        trust = self._risen(state.iteration, cfg.critic_warmup) * jnp.where(ended[-1], 0.0, discount)
        means = {k: v.mean() for k, v in trace.items()}
        restarted = jax.random.uniform(pick, (n,)) < cfg.restarted
        onward = Running(task.switched(restarted, fresh, end.state), self.brain.forget(end.memory, restarted))
        total = (worth + trust * self._beyond(state, end.state)).mean()
        return -total / len(nudges), means, *jax.lax.stop_gradient((onward, seen, discounts))

    def _beyond(self, state: TrainState, end: TaskState) -> Array:
        """(env,) a number that slopes by the state as what comes after it does, as far as the critic knows."""
        seen = self.normalise(state.learned, self.task.observe(end))
        slopes = self.critic.slopes(state.learned.params, state.optimizer.critic, seen)
        return (jax.lax.stop_gradient(slopes) * as_numbers(end.sim)).sum(-1)

    def iterate(self, state: TrainState, phase: int = 0) -> tuple[TrainState, dict[str, Array]]:
        """Take one gradient step."""
        return self.at(state.iteration)._iterate(state, phase)

    def _iterate(self, state: TrainState, phase: int) -> tuple[TrainState, dict[str, Array]]:
        key, begin, use = self.keys(state)
        start = self._begin(state, phase, begin)
        boot, horizon = self.config.bootstrap, self.phases[phase].horizon
        nudges = jnp.zeros((horizon, self.environments, self.brain.network.critic_size)) if boot else ()
        (gradient, slopes), (metrics, after) = jax.grad(self.loss, argnums=(0, 1), has_aux=True)(
            state.learned.params, nudges, state, start, phase, use
        )
        metrics |= {"gradient_norm": optax.global_norm(gradient)}
        environments: Running | tuple = ()
        if boot:
            environments, seen, discounts = after
            params, policy = self.step_of_optimizer(state._replace(optimizer=state.optimizer.policy), gradient)
            # the loss is −Σ over the segment, a mean over environments and steps; undone, and as seen from each step
            slopes = -slopes * self.environments * horizon / discounts[..., None]
            lesson = Lesson(seen, jnp.where(jnp.isfinite(slopes), slopes, 0.0))
            params, critic, metrics["critic_loss"] = self.critic.learn(
                params, state.optimizer.critic, lesson, jax.random.fold_in(use, 1)
            )
            optimizer: Any = Steps(policy, critic)
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
