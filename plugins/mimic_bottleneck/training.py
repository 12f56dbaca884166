"""What the two trainers have in common: the network in use, the loop, evaluation, and the controller."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from mimic_bottleneck.brain import Brain
from mimic_bottleneck.checkpoint import WHICH, Checkpoints
from mimic_bottleneck.devices import Devices
from mimic_bottleneck.network import Bottleneck, Normalizer
from mimic_core import ConfigError, Controller, DataError, Decision
from mimic_core.control import Member
from mimic_core.task import Observation, Starts, Task, TaskState

VALUES = ("learning_rate", "kl_weight", "discount", "gae_lambda", "entropy", "clip")
"""settings of a trainer that its compiled program takes as values"""
_SAMPLE = 4096
"""reference states that set the scale of observations before training"""


class Learned(NamedTuple):
    """What a controller needs."""

    params: Any
    reference: Normalizer
    proprioception: Normalizer


class TrainState(NamedTuple):
    """Everything that changes in training; a checkpoint holds all of it."""

    learned: Learned
    optimizer: Any
    key: Array
    iteration: Array
    environments: Any
    seconds: Array
    """s of training so far, compilation and evaluation left out"""


class Values(NamedTuple):
    """What differs between trainings that run together as one program."""

    seed: Any
    settings: Mapping[str, Any]
    """dotted path → value"""
    starts: Starts


class BottleneckTrainer:
    """One training iteration as a pure function, and what is needed around it. A subclass says what an iteration is.

    Subclasses define ``optimizer``, ``iterate``, ``control_steps``, ``iterations`` and ``environments``, and may define
    the others below the first line.
    """

    optimizer: optax.GradientTransformation
    iterations: int
    environments: int
    """that run side by side, at least"""

    def __init__(self, config: Any, task: Task) -> None:
        self.config, self.task = config, task
        network = Bottleneck(
            config.intention_size,
            task.action_size,
            config.encoder_layers,
            config.decoder_layers,
            config.critic_layers,
            task.model.actuation.resting_action,
            config.lstm_size if config.network == "lstm" else 0,
        )
        self.brain = Brain(network, config.prior == "autoregressive")

    # -- to be said by the subclass ---------------------------------------------------------------------------

    def start_environments(self, key: Array) -> Any:
        """Return what is carried from iteration to iteration beside the parameters."""
        return ()

    def states_for_scale(self, key: Array) -> TaskState:
        """Return states whose observations set the first scale of the network's inputs."""
        return self.task.reset(key, _SAMPLE)

    def stage(self, iteration: int) -> int:
        """Which program an iteration runs: 0 unless shapes change in the course of training."""
        return 0

    def control_steps(self, iteration: int) -> int:
        """Control steps that so many iterations take, over all environments."""
        raise TypeError(f"{type(self).__name__} must define control_steps")

    def iterate(self, state: TrainState, stage: int = 0) -> tuple[TrainState, dict[str, Array]]:
        """Gather experience and update once."""
        raise TypeError(f"{type(self).__name__} must define iterate")

    def retrace(self, state: TrainState, stage: int) -> dict[str, Array]:
        """What the next iteration would compute, name → (time, environment, …), to find what is not finite."""
        raise TypeError(f"{type(self).__name__} must define retrace")

    # -- pieces that both use ---------------------------------------------------------------------------------

    @cached_property
    def devices(self) -> Devices:
        """The devices that environments are spread over."""
        return Devices.of(self.task, self.environments)

    def with_values(self, values: Values) -> BottleneckTrainer:
        """Return this trainer with other values of settings, which may be traced ones of a compiled program."""
        own = {k.removeprefix("policy."): v for k, v in values.settings.items() if k.startswith("policy.")}
        terms = {k.removeprefix("rewards."): v for k, v in values.settings.items() if k.startswith("rewards.")}
        other = copy.copy(self)
        other.task = self.task.with_values(terms, values.starts)
        with attrs.validators.disabled():  # a traced value cannot be compared
            other.config = attrs.evolve(self.config, **own)
        return other

    def values(self, members: Sequence[Member]) -> list[Values]:
        """What each member has of its own."""
        n_steps = self.task.n_steps
        longest = len(Starts.of(n_steps, range(len(n_steps))).table)
        out = []
        for m in members:
            clips = self.task.train_clips if m.train_clips is None else m.train_clips
            # padded, since members that train on other clips have other numbers of instants to begin at
            out.append(Values(np.int32(m.seed), {**self._given(), **m.values}, Starts.of(n_steps, clips, longest)))
        return [jax.tree.map(_number, v) for v in out]

    def _given(self) -> dict[str, float]:
        """The settings that are values of the program: it is compiled once, whatever they are."""
        names = {f.name for f in attrs.fields(type(self.config))}
        own = {f"policy.{k}": getattr(self.config, k) for k in VALUES if k in names}
        return {
            **own,
            **{f"rewards.{t.name}.weight": abs(t.weight) for t in self.task.rewards if t.rebuilt is not None},
        }

    def initial(self, seed: int | Array) -> TrainState:
        """Return the state that training begins with."""
        key, net, sample, envs = jax.random.split(jax.random.key(seed), 4)
        seen = self.task.observe(self.states_for_scale(sample))
        normal = [Normalizer.empty(o.shape[-1]).update(o) for o in seen]
        params = self.brain.network.init(net, *(n(o[:1]) for n, o in zip(normal, seen, strict=True)))
        return TrainState(
            Learned(params, *normal),
            self.optimizer.init(params),
            jax.random.key_data(key),
            jnp.zeros((), jnp.int32),
            self.start_environments(envs),
            jnp.zeros(()),
        )

    def kl_weight(self, iteration: Array) -> Array:
        """The KL divergence's weight in the course of training."""
        return self.config.kl_weight * self._risen(iteration, self.config.kl_warmup)

    def at(self, iteration: Array) -> Self:
        """Return this trainer with the costs' weights as they are then."""
        if not self.config.cost_warmup:
            return self
        other = copy.copy(self)
        other.task = self.task.with_costs(self._risen(iteration, self.config.cost_warmup))
        return other

    def _risen(self, iteration: Array, warmup: float) -> Array:
        """How far something has risen that is 1 after that share of the training."""
        return jnp.minimum(1.0, iteration / (warmup * self.iterations)) if warmup else jnp.ones(())

    def step_of_optimizer(self, state: TrainState, gradient: Any) -> tuple[Any, Any]:
        """Return the parameters and the optimizer's state after one step."""
        updates, optimizer = self.optimizer.update(gradient, state.optimizer, state.learned.params)
        return optax.apply_updates(state.learned.params, updates), optimizer

    def normalise(self, learned: Learned, observation: Observation) -> Observation:
        return Observation(learned.reference(observation.reference), learned.proprioception(observation.proprioception))

    # -- training ---------------------------------------------------------------------------------------------

    def train(
        self, directory: Path, seed: int, evaluate: Callable, progress: Callable, meta: dict[str, Any]
    ) -> dict[str, Any]:
        """Train until done, going on from the last checkpoint under ``directory`` if there is one."""
        from mimic_bottleneck.loop import Loop

        member = Member(directory=directory, seed=seed, meta=meta)
        return Loop(self, [member], lambda c: [evaluate(c)], progress).run()[0]

    def train_together(self, members: Sequence[Member], evaluate: Callable, progress: Callable) -> list[dict[str, Any]]:
        """Train several as one program: whatever differs between them is a value, not a shape.

        Args:
            evaluate: takes a controller whose variables have a leading axis of members; returns what is measured of
                each.
        """
        from mimic_bottleneck.loop import Loop

        return Loop(self, members, evaluate, progress).run()

    # -- acting -----------------------------------------------------------------------------------------------

    def load(self, directory: Path, which: str = "last") -> Controller:
        """Return the controller of the ``last`` or of the ``best`` checkpoint under ``directory``."""
        if which not in WHICH:
            raise ConfigError(f"checkpoint: {which!r}; must be one of {', '.join(WHICH)}")
        with Checkpoints(directory) as checkpoints:
            if checkpoints.latest is None:
                raise DataError(f"{directory}: holds no finished checkpoint; train first with 'mimic train'")
            like = jax.eval_shape(self.initial, 0)
            return self.controller(checkpoints.restore(like, checkpoints.step(which)).learned)

    def controller(self, learned: Learned) -> Controller:
        """Wrap what was learned."""
        return Controller(
            variables=learned, start=self.brain.begin, act=self._act, intention_size=self.config.intention_size
        )

    @cached_property
    def _act(self) -> Callable:
        def act(
            learned: Learned, observation: Observation, carry: Any, key: Array | None, shift: Array | None = None
        ) -> Decision:
            seen = self.normalise(learned, observation)
            noise = move = None
            if key is not None:
                intend, move = jax.random.split(key)
                noise = jax.random.normal(intend, (seen.reference.shape[0], self.config.intention_size))
            memory, thought = self.brain.think(learned.params, seen, carry, noise, shift)
            action = thought.actions.mode()
            if move is not None:
                action = jnp.tanh(thought.actions.loc + thought.actions.std * jax.random.normal(move, action.shape))
            gaussian = thought.gaussian
            return Decision(action, memory, gaussian.mean, gaussian.logvar, thought.intention, thought.layers)

        return act


def _number(a: Any) -> np.ndarray:
    a = np.asarray(a)
    return a.astype(np.int32 if a.dtype.kind in "iu" else np.float32)
