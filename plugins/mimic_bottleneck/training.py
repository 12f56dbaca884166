"""What the two trainers have in common: the network in use, how a training begins, and the controller."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple, Self

import attrs
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float

from mimic_bottleneck.brain import Brain
from mimic_bottleneck.network import Bottleneck, Normalizer
from mimic_bottleneck.reuse import Reused
from mimic_core import Controller, Decision
from mimic_core.task import Observation, Task, TaskState
from mimic_core.trainer import Devices, Member, Values

VALUES = ("learning_rate", "kl_weight", "discount", "gae_lambda", "entropy", "clip")
"""settings of a trainer that its compiled program takes as values"""
_SAMPLE = 4096
"""reference states that set the scale of observations before training"""

SILENCED = "silenced/"
"""How inputs of a controller begin that hold back units: ``silenced/decoder/layer_1``."""


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


class BottleneckTrainer:
    """A `mimic_core.Trainer` but for the iteration, which a subclass writes.

    Subclasses define ``optimizer``, ``iterate``, ``control_steps``, ``iterations`` and ``environments``, and may define
    the others below the first line.
    """

    optimizer: optax.GradientTransformation
    iterations: int
    environments: int
    """that run side by side, at least"""
    explores = False
    """whether it learns from actions that are tried out at random"""

    def __init__(self, config: Any, task: Task) -> None:
        self.config, self.task = config, task
        network = Bottleneck(
            config.intention_size,
            task.action_size,
            config.encoder_layers,
            config.decoder_layers,
            config.critic_layers,
            np.asarray(task.model.actuation.resting_action).tolist(),
            config.lstm_size if config.network == "lstm" else 0,
            config.initial_std,
            self.critic_size(config, task),
        )
        self.brain = Brain(network, config.prior == "autoregressive")
        self.reused = Reused(config, task, self.explores) if config.start_from else None

    # -- to be said by the subclass ---------------------------------------------------------------------------

    def critic_size(self, config: Any, task: Task) -> int:
        """How many numbers the critic says."""
        return 1

    def start_environments(self, key: Array) -> Any:
        """Return what is carried from iteration to iteration beside the parameters."""
        return ()

    def start_optimizer(self, params: Any) -> Any:
        """Return the state of what steps the parameters."""
        return self.optimizer.init(params)

    def states_for_scale(self, key: Array) -> TaskState:
        """Return states whose observations set the first scale of the network's inputs."""
        return self.task.reset(key, _SAMPLE)

    def phase(self, iteration: int) -> int:
        """Which program an iteration runs: 0 unless shapes change in the course of training."""
        return 0

    def control_steps(self, iteration: int) -> int:
        """Control steps that so many iterations take, over all environments."""
        raise TypeError(f"{type(self).__name__} must define control_steps")

    def iterate(self, state: TrainState, phase: int = 0) -> tuple[TrainState, dict[str, Array]]:
        """Gather experience and update once."""
        raise TypeError(f"{type(self).__name__} must define iterate")

    def retrace(self, state: TrainState, phase: int) -> dict[str, Array]:
        """What the next iteration would compute, name → (time, environment, …), to find what is not finite."""
        raise TypeError(f"{type(self).__name__} must define retrace")

    # -- pieces that both use ---------------------------------------------------------------------------------

    @cached_property
    def devices(self) -> Devices:
        """The devices that environments are spread over."""
        return Devices.of(self.task, self.environments)

    def placed(self, state: TrainState, together: bool) -> TrainState:
        """Spread the environments over the devices, unless several trainings run together; keep the rest on each."""
        whole = self.devices.same_on_all(state._replace(environments=()))
        return whole._replace(environments=state.environments if together else self.devices.spread(state.environments))

    def values(self, members: Sequence[Member]) -> list[Values]:
        """What each member has of its own."""
        return Values.of(members, self.config, self.task, VALUES)

    def with_values(self, values: Values) -> Self:
        """Return this trainer with other values of settings, which may be traced ones of a compiled program."""
        return values.laid_over(self)

    def initial(self, seed: int | Array) -> TrainState:
        """Return the state that training begins with."""
        key, net, sample, envs = jax.random.split(jax.random.key(seed), 4)
        seen = self.task.observe(self.states_for_scale(sample))
        normal = [Normalizer.empty(o.shape[-1]).update(o) for o in seen]
        params = self.brain.network.init(net, *(n(o[:1]) for n, o in zip(normal, seen, strict=True)))
        learned = Learned(params, *normal)
        if self.reused is not None:
            learned = jax.tree.map(jnp.asarray, self.reused.begun(learned))
        return TrainState(
            learned,
            self.start_optimizer(learned.params),
            jax.random.key_data(key),
            jnp.zeros((), jnp.int32),
            self.start_environments(envs),
        )

    @staticmethod
    def keys(state: TrainState) -> Array:
        """Return the random keys of an iteration: for the next one, and two for its own use."""
        return jax.random.split(jax.random.wrap_key_data(state.key), 3)

    def kl_weight(self, iteration: Array) -> Array:
        """The KL divergence's weight in the course of training."""
        return self.config.kl_weight * self._risen(iteration, self.config.kl_warmup)

    @property
    def sends_intentions(self) -> bool:
        """Whether what is learned is to send intentions to a decoder that is held: they are the policy's actions."""
        return self.reused is not None and self.reused.of_decoder

    def held(self, params: Any) -> Any:
        """Return the parameters without gradients of what learns no more.

        Raises:
            ConfigError: the run that the training begins with is not there.
        """
        if self.reused is None:
            return params
        self.reused.check()
        return self.reused.held(params)

    def at(self, iteration: Array) -> Self:
        """Return this trainer with the costs' weights as they are then."""
        if not self.config.cost_warmup:
            return self
        other = copy.copy(self)
        share = self._risen(iteration, self.config.cost_warmup)
        other.task = copy.copy(self.task)
        other.task.rewards = [attrs.evolve(t, weight=share * t.weight) if t.cost else t for t in self.task.rewards]
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

    # -- acting -----------------------------------------------------------------------------------------------

    def controller(self, state: TrainState) -> Controller:
        """Wrap what was learned."""
        return Controller(
            variables=state.learned,
            start=self.brain.begin,
            act=self._act,
            inputs={
                "intention_shift": self.config.intention_size,
                **{f"{SILENCED}{name}": n for name, n in self.brain.network.silenceable.items()},
            },
        )

    @cached_property
    def _act(self) -> Callable[..., Decision]:
        def act(
            learned: Learned,
            observation: Observation,
            carry: Any,
            key: Array | None,
            intention_shift: Float[Array, "batch intention"] | None = None,
            **silenced: Float[Array, "batch _"],
        ) -> Decision:
            seen = self.normalise(learned, observation)
            lesion = {name.removeprefix(SILENCED): a for name, a in silenced.items()}
            noise = move = None
            if key is not None:
                intend, move = jax.random.split(key)
                noise = jax.random.normal(intend, (seen.reference.shape[0], self.config.intention_size))
            memory, output = self.brain.step(learned.params, seen, carry, noise, intention_shift, lesion)
            action = output.actions.mode()
            if move is not None and not self.sends_intentions:
                action = jnp.tanh(output.actions.loc + output.actions.std * jax.random.normal(move, action.shape))
            record = {
                "intention_mean": output.gaussian.mean,
                "intention_logvar": output.gaussian.logvar,
                "intention": output.intention,
                **{f"layer/{name}": a for name, a in output.layers.items()},
            }
            return Decision(action, memory, record)

        return act
