"""Several trainings as one program: whatever differs between them is a value, not a shape."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import attrs
import jax
import numpy as np

from mimic_core.records.training import Training
from mimic_core.task.state import Starts
from mimic_core.task.task import Task

_T = TypeVar("_T")


@attrs.frozen(kw_only=True)
class Member:
    """A training, alone or as one of several that run together as one program.

    Attributes:
        directory: of the run: checkpoints and ``curve.csv`` go there.
        seed: of everything random.
        training: kept in each checkpoint, so that it can be loaded with no other file.
        settings: dotted path of a traced setting (see `mimic_core.PolicySpec.traced`) → value; what is not named is
            as in the trainer.
        train_clips: indices of the clips to train on; None: those of the task.
    """

    directory: Path
    seed: int
    training: Training | None = None
    settings: Mapping[str, float] = attrs.field(factory=dict)
    train_clips: np.ndarray | None = None


class Values(NamedTuple):
    """What a training has of its own, as an argument of the compiled program. Its numbers may be traced."""

    seed: Any
    settings: Mapping[str, Any]
    """dotted path (``policy.learning_rate``, ``rewards.joint.weight``) → value"""
    starts: Starts | tuple[()]
    """where its episodes begin; () for a trainer that takes no values"""

    @classmethod
    def of(cls, members: Sequence[Member], config: Any, task: Task, names: Iterable[str]) -> list[Values]:
        """Return what each member has of its own, as `mimic_core.Trainer` gives it with ``values(members)``.

        Args:
            config: settings of the policy.
            names: of those among them that are values of the program. Weights of reward terms always are. So the
                program is compiled once, whatever they are.
        """
        known = {f.name for f in attrs.fields(type(config))}
        given = {f"policy.{k}": getattr(config, k) for k in names if k in known}
        given |= {f"rewards.{t.name}.weight": abs(t.weight) for t in task.rewards if t.rebuilt is not None}
        longest = len(task.starts_of(np.arange(len(task.n_steps))).table)
        out = []
        for m in members:
            clips = task.train_clips if m.train_clips is None else m.train_clips
            # padded, since members that train on other clips have other numbers of instants to begin at
            out.append(cls(np.int32(m.seed), {**given, **m.settings}, task.starts_of(clips, longest)))
        return [jax.tree.map(_number, v) for v in out]

    @classmethod
    def seeds(cls, members: Sequence[Member]) -> list[Values]:
        """Return the same for a trainer that takes no values: their seeds alone."""
        return [cls(np.int32(m.seed), {}, ()) for m in members]

    def laid_over(self, trainer: _T) -> _T:
        """Return a copy of a trainer that has a ``config`` and a ``task``, with these values in both."""
        own = {k.removeprefix("policy."): v for k, v in self.settings.items() if k.startswith("policy.")}
        terms = {k.removeprefix("rewards."): v for k, v in self.settings.items() if k.startswith("rewards.")}
        other: Any = copy.copy(trainer)
        other.task = other.task.with_values(terms, self.starts)
        with attrs.validators.disabled():  # a traced value cannot be compared
            other.config = attrs.evolve(other.config, **own)
        return other


def _number(a: Any) -> np.ndarray:
    a = np.asarray(a)
    return a.astype(np.int32 if a.dtype.kind in "iu" else np.float32)
