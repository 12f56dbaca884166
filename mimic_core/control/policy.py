"""What a policy is: something that can be trained on a task, saved, and asked for actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import attrs
import numpy as np

from mimic_core.plugins.component import ComponentSpec

if TYPE_CHECKING:
    pass


class Decision(NamedTuple):
    """What a controller decides for a batch, and what went on inside it."""

    action: Any
    """(batch, actuator) in [-1, 1]"""
    carry: Any
    """memory of the controller for the next step"""
    record: Mapping[str, Any] = {}
    """name → (batch, unit): whatever the policy wants to have in ``rollouts.h5``, see `mimic_core.Rollouts`"""


@attrs.frozen(kw_only=True)
class Controller:
    """A policy that can act. Its functions may be called inside ``jax.jit`` and ``jax.lax.scan``.

    Attributes:
        variables: everything learned, a pytree of arrays; an argument of `act`, so that a program that uses a
            controller is compiled once however often the variables change.
        start: ``start(batch) -> carry`` for episodes that begin.
        act: ``act(variables, observation, carry, key, **inputs) -> Decision`` for a batch; with ``key`` None the most
            likely action, deterministically.
        inputs: further inputs that ``act`` takes by keyword, each may be left out: name → how many numbers, for arrays
            (batch, number). By convention ``intention_shift`` is added to an intention, in standard deviations of its
            prior.
    """

    variables: Any = attrs.field(repr=False)
    start: Callable[[int], Any]
    act: Callable[..., Decision]
    inputs: Mapping[str, int] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Member:
    """One of several trainings that run together as one program.

    Attributes:
        directory, seed, meta: as in `Trainer.train`.
        values: dotted path of a traced setting (see `PolicySpec.traced`) → value; what is not named is the trainer's.
        train_clips: indices of the clips to train on.
    """

    directory: Path
    seed: int
    meta: Mapping[str, Any] = attrs.field(factory=dict)
    values: Mapping[str, float] = attrs.field(factory=dict)
    train_clips: np.ndarray | None = None


Progress = Callable[[float, float, dict[str, float]], None]
Evaluate = Callable[[Controller], dict[str, float]]


@runtime_checkable
class Trainer(Protocol):
    """How a policy learns. Training may be stopped at any moment and goes on from the last checkpoint."""

    def train(
        self, directory: Path, seed: int, evaluate: Evaluate, progress: Progress, meta: dict[str, Any]
    ) -> dict[str, Any]:
        """Train until done.

        Args:
            directory: checkpoints go under it, and ``curve.csv`` with one row per evaluation: ``control_steps``,
                ``seconds`` (training, without compilation and evaluation), ``reward``, ``tracking_mm``.
            seed: the same seed gives the same result on the same machine.
            evaluate: rolls a controller out in the true physics; gives at least ``tracking_mm``.
            progress: told every few iterations, never per control step.
            meta: kept in each checkpoint, so that it can be loaded with no other file.

        Returns:
            ``control_steps``, ``seconds``, ``compile_seconds``, ``resumed_from`` (control steps).
        """
        ...

    def load(self, directory: Path, which: str = "last") -> Controller:
        """Return the controller of the ``last`` or of the ``best`` checkpoint under ``directory``."""
        ...


@attrs.frozen(kw_only=True)
class PolicySpec(ComponentSpec):
    """A policy. ``build(config, task: Task) -> Trainer``.

    Attributes:
        presets: preset name → settings laid over the defaults of a training run, with the same
            sections as a run file's ``[train]`` (``policy``, ``rewards``, ``task``, …). The first is the
            default.
        differentiable: True if it needs gradients through the physics.
        traced: patterns (`fnmatch`) of settings that are values of the compiled program, such as ``seed``,
            ``policy.learning_rate`` or ``rewards.*.weight``: trainings that differ in nothing else may run as one.
            The trainer then has ``train_together(members, evaluate, progress) -> list of summaries``, where the arrays
            of the controller given to ``evaluate`` have a leading axis of members, and it returns a list.
        read_meta: ``read_meta(directory) -> meta`` gives back what `Trainer.train` was given, without a task.
    """

    presets: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)
    differentiable: bool = False
    traced: tuple[str, ...] = ()
    read_meta: Callable[[Path], dict[str, Any]] | None = None
