"""What a policy is: how it learns, and the controller that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import attrs

from mimic_core.plugins.component import ComponentSpec


class Decision(NamedTuple):
    """What a controller decides for a batch, and what went on inside it."""

    action: Any
    """(batch, actuator) in [-1, 1]"""
    carry: Any
    """memory of the controller for the next step; () if it has none"""
    record: Mapping[str, Any] = {}
    """name → (batch, unit): whatever the policy wants to have in ``rollouts.h5``, see `mimic_core.Rollouts`"""


@attrs.frozen(kw_only=True)
class Controller:
    """A policy that can act. Its functions are called inside ``jax.jit`` and ``jax.lax.scan``: use `jax.numpy` there.

    Attributes:
        variables: everything learned, a pytree of arrays; an argument of `act`, so that a program that uses a
            controller is compiled once however often the variables change.
        start: ``start(batch) -> carry`` for episodes that begin.
        act: ``act(variables, observation, carry, key, **inputs) -> Decision`` for a batch. ``observation`` is a
            `mimic_core.task.Observation`; with ``key`` None the most likely action is taken, deterministically. Two
            controllers of one trainer have the very same function here, or their programs are compiled again.
        inputs: what else ``act`` takes by keyword, if it is given: name → n of an array (batch, n). By convention
            ``intention_shift`` is added to an intention, in standard deviations of its prior, and ``silenced/LAYER`` is
            how much of each unit a lesion holds back, 0 to 1.
    """

    variables: Any = attrs.field(repr=False)
    start: Callable[[int], Any]
    act: Callable[..., Decision]
    inputs: Mapping[str, int] = attrs.field(factory=dict)


@runtime_checkable
class Trainer(Protocol):
    """How a policy learns: what a plugin's ``build(config, task)`` returns.

    The core does the rest, for every policy in the same way: it repeats `iterate`, measures the controller in the true
    physics now and then, writes ``curve.csv`` and checkpoints, goes on where a training was stopped, tells of progress,
    and stops where a number is not finite. A policy whose settings inherit `mimic_core.trainer.LoopSettings` lets the
    user say how often.

    What is learned, and everything else that `iterate` changes, is in the *state*: a pytree (tuples, dictionaries,
    named tuples) of arrays, whose structure, shapes and types stay the same from `initial` on. Arrays of random keys
    may be among them. A trainer itself keeps nothing that changes, and takes from the task only what its body and its
    observations are made of: a controller is loaded into a task with other clips, and must then act as it did.

    A trainer may have more than is listed here:

    ``compiled``: False for an `iterate` and an `initial` that cannot be compiled by jax; they are called as they are.

    For learners with large programs there are, each optional, with parts in `mimic_core.trainer` to make them of:

    ``phase(iteration) -> int``: which program an iteration runs, for trainings whose shapes change on the way. The
    loop then calls ``iterate(state, phase)``; each phase is compiled once.

    ``values(members) -> list`` and ``with_values(values) -> Trainer``: settings as arguments of the program, so that
    trainings which differ in them run as one; see `mimic_core.trainer.Values` and `PolicySpec.traced`.

    ``devices`` and ``placed(state, together) -> state``: how a state is spread over several devices; see
    `mimic_core.trainer.Devices`.

    ``expects``: a sentence that is said before the work begins, about the time that it takes to compile for instance.

    ``retrace(state, phase) -> {name: (time, environment, …)}``: every number that the next iteration would compute, to
    find the first that is not finite. A name that begins with ``gradient`` was computed backwards in time.

    Attributes:
        iterations: after so many the training is done; at least 1.
    """

    iterations: int

    def control_steps(self, iteration: int) -> int:
        """Control steps, over all environments, that the first ``iteration`` iterations take together.

        0 for ``iteration`` 0, and more with every iteration.
        """
        ...

    def initial(self, seed: int) -> Any:
        """Return the state that a training begins with. All that is random in the training follows from ``seed``.

        It is compiled, with ``seed`` a traced whole number: ``jax.random.key(seed)`` is the way to begin.
        """
        ...

    def iterate(self, state: Any) -> tuple[Any, Mapping[str, Any]]:
        """Gather experience and learn from it once; a pure function, which the loop compiles.

        Returns:
            the next state, and metrics: name → one number each. ``reward`` must be among them: the mean reward per
            control step (Σ weight·term). Whatever else there is goes to the progress line and to loggers. A metric
            that is not finite ends the training.
        """
        ...

    def controller(self, state: Any) -> Controller:
        """Return the controller of a state, to be measured, saved and rolled out."""
        ...


@attrs.frozen(kw_only=True)
class PolicySpec(ComponentSpec):
    """A policy. ``build(config, task: Task) -> Trainer``.

    Attributes:
        presets: preset name → settings laid over the defaults of a training run, with the same
            sections as a run file's ``[train]`` (``policy``, ``rewards``, ``task``, …). The first is the
            default.
        free_root: the preset that is the default for a body with a free root; empty: the first of all.
        differentiable: True if it needs gradients through the physics.
        traced: patterns (`fnmatch`) of settings that are values of the compiled program, such as ``seed``,
            ``policy.learning_rate`` or ``rewards.*.weight``: trainings that differ in nothing else may run as one. The
            trainer then has ``values`` and ``with_values``, see `Trainer`.
    """

    presets: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    free_root: str = ""
    differentiable: bool = False
    traced: tuple[str, ...] = ()
