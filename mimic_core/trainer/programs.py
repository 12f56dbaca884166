"""What the loop repeats: an iteration of one or several trainings, compiled unless the learner is no jax program."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from mimic_core.control.policy import Trainer
from mimic_core.errors import ConfigError, PluginError
from mimic_core.trainer.devices import Devices
from mimic_core.trainer.runtime import collection_paused
from mimic_core.trainer.values import Member, Values

Metrics = Mapping[str, Any]


class LoopState(NamedTuple):
    """Trainings between two iterations; with several, arrays have a leading axis of members."""

    state: Any
    """the trainer's"""
    iteration: Any
    """() or (member,) iterations that led to the state"""


def phase_of(trainer: Trainer, iteration: int) -> int:
    """Return which program an iteration runs."""
    phase = getattr(trainer, "phase", None)
    return 0 if phase is None else phase(iteration)


def iterated(trainer: Trainer, state: Any, phase: int) -> tuple[Any, dict[str, Any]]:
    """Run one iteration and check what it gives.

    Raises:
        PluginError: not a state like the one it was given, or not the metrics that a trainer owes.
    """
    has_phases = getattr(trainer, "phase", None) is not None
    iterate: Callable[..., tuple[Any, Mapping[str, Any]]] = trainer.iterate
    after, metrics = iterate(state, phase) if has_phases else iterate(state)
    who = f"policy {type(trainer).__name__}: iterate"
    if "reward" not in metrics:
        raise PluginError(
            f"{who} gives the metrics {', '.join(metrics) or 'none'}, without 'reward'; "
            "add the mean reward per control step"
        )
    for name, value in metrics.items():
        if np.shape(value) != ():
            raise PluginError(f"{who} gives metric {name!r} with shape {np.shape(value)}; give one number, e.g. a mean")
    before, now = (str(jax.tree.structure(s)) for s in (state, after))
    if before != now:
        raise PluginError(f"{who} turns a state {before} into {now}; return a state like the one it is given")
    for (path, old), new in zip(jax.tree_util.tree_leaves_with_path(state), jax.tree.leaves(after), strict=True):
        said = [f"{np.shape(a)} {_dtype(a)}" for a in (old, new)]
        if said[0] != said[1]:
            where = jax.tree_util.keystr(path) or "the whole"
            raise PluginError(
                f"{who} turns {where} of the state from {said[0]} into {said[1]}; keep its shapes and types"
            )
    return after, dict(metrics)


def programs(trainer: Trainer, members: Sequence[Member], precision: str) -> Compiled | Plain:
    """Return what runs the iterations of these trainings."""
    return (Compiled if getattr(trainer, "compiled", True) else Plain)(trainer, members, precision)


class Compiled:
    """Iterations as compiled programs, one for each phase, with donated buffers.

    Args:
        trainer: says what an iteration is.
        members: one or several trainings.
        precision: of products of matrices.

    Raises:
        ConfigError: there are several, and the trainer takes no values.
    """

    def __init__(self, trainer: Any, members: Sequence[Member], precision: str) -> None:
        self._trainer, self._precision = trainer, precision  # Any, for what it may have beyond `Trainer`
        self._takes_values = hasattr(trainer, "values")
        self._together = len(members) > 1
        if self._together and not self._takes_values:
            raise ConfigError(f"policy {type(trainer).__name__}: cannot train several at once; train them one by one")
        self.values: list[Values] = self._trainer.values(members) if self._takes_values else Values.seeds(members)
        self.devices: Devices = getattr(trainer, "devices", Devices())
        self._programs: dict[int, Callable[[LoopState], tuple[LoopState, Metrics]]] = {}

    def trainer(self, values: Values) -> Trainer:
        """The trainer with the values of one member."""
        return self._trainer.with_values(values) if self._takes_values else self._trainer

    def _of_each(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Turn ``f(trainer, values, *states)`` into a function of values and states, for all members at once.

        What differs between trainings is an argument, so that one compiled program serves every seed and weight.
        """

        def one(values: Values, *states: Any) -> Any:
            return f(self.trainer(values), values, *states)

        return jax.vmap(one) if self._together else one

    @cached_property
    def _arguments(self) -> Values:
        if not self._together:
            return self.values[0]
        return jax.tree.map(lambda *x: np.stack(x), *self.values)

    def _placed(self, now: LoopState) -> LoopState:
        placed = getattr(self._trainer, "placed", None)
        state = self.devices.same_on_all(now.state) if placed is None else placed(now.state, self._together)
        return LoopState(state, self.devices.same_on_all(now.iteration))

    def initial(self) -> LoopState:
        """Return the trainings as they begin."""

        def begun(trainer: Trainer, values: Values) -> LoopState:
            state = jax.tree.map(_typed, trainer.initial(values.seed))
            return LoopState(state, jnp.zeros((), jnp.int32))

        begin = self._of_each(begun)
        with collection_paused(), jax.default_matmul_precision(self._precision):
            return jax.jit(lambda values: self._placed(begin(values)))(self._arguments)

    def prepare(self, phase: int, like: LoopState) -> None:
        """Compile the iteration of a phase."""
        if phase in self._programs:
            return

        def iterate(trainer: Trainer, values: Values, now: LoopState) -> tuple[LoopState, Metrics]:
            after, metrics = iterated(trainer, now.state, phase)
            # a state that would hold numbers that are not finite is not entered: the last good one can be examined
            good = jnp.all(jnp.stack([jnp.isfinite(v).all() for v in metrics.values()]))
            after = LoopState(after, now.iteration + 1)
            return jax.tree.map(lambda new, old: jnp.where(good, new, old), after, now), metrics

        each = self._of_each(iterate)

        def program(values: Values, now: LoopState) -> tuple[LoopState, Metrics]:
            after, metrics = each(values, now)
            return self._placed(after), metrics

        with collection_paused(), jax.default_matmul_precision(self._precision):
            compiled = jax.jit(program, donate_argnums=1).lower(self._arguments, like).compile()
        self._programs[phase] = partial(compiled, self.devices.put(self._arguments))

    def iterate(self, phase: int, now: LoopState) -> tuple[LoopState, Metrics]:
        """Start the next iteration; what it gives may still be computing. ``now`` is used up."""
        return self._programs[phase](now)

    def resumed(self, states: Sequence[Any], at: int, like: LoopState) -> LoopState:
        """Return the trainings as they were at an iteration, from the state of each member."""
        state = jax.tree.map(lambda *x: jnp.stack(x), *states) if self._together else states[0]
        return LoopState(state, jax.device_put(np.full(like.iteration.shape, at, np.int32), like.iteration.sharding))


class Plain:
    """Iterations of a learner that jax cannot compile, called as they are; arguments as of `Compiled`."""

    def __init__(self, trainer: Trainer, members: Sequence[Member], precision: str) -> None:
        if len(members) > 1:
            raise ConfigError(f"policy {type(trainer).__name__}: cannot train several at once; train them one by one")
        self._trainer, self._seed, self._precision = trainer, members[0].seed, precision
        self.values = Values.seeds(members)

    def trainer(self, values: Values) -> Trainer:
        return self._trainer

    def initial(self) -> LoopState:
        return LoopState(self._trainer.initial(self._seed), 0)

    def prepare(self, phase: int, like: LoopState) -> None:
        """There is nothing to prepare."""

    def iterate(self, phase: int, now: LoopState) -> tuple[LoopState, Metrics]:
        with jax.default_matmul_precision(self._precision):
            after, metrics = iterated(self._trainer, now.state, phase)
        good = all(np.isfinite(v) for v in metrics.values())
        return (LoopState(after, now.iteration + 1) if good else now), metrics

    def resumed(self, states: Sequence[Any], at: int, like: LoopState) -> LoopState:
        return LoopState(states[0], at)


def _dtype(a: Any) -> Any:
    return a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype


def _typed(a: Any) -> jax.Array:
    """An array whose type is its own: that of a bare number would give way to the type it is first combined with."""
    a = jnp.asarray(a)
    return jax.lax.convert_element_type(a, a.dtype) if getattr(a, "weak_type", False) else a
