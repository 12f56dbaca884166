"""Parts of a training with shapes of their own."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import numpy as np


@attrs.frozen
class Phase:
    """A part of a training in which every iteration has the same shapes.

    Attributes:
        horizon: control steps per environment and iteration.
        environments: side by side.
        iterations: in this part.
    """

    horizon: int
    environments: int
    iterations: int

    @property
    def control_steps(self) -> int:
        """Control steps per iteration, over all environments."""
        return self.horizon * self.environments


class Phases(tuple[Phase, ...]):
    """The phases of a training, in order: counts iterations and control steps for a `mimic_core.Trainer`."""

    def __new__(cls, phases: Iterable[Phase]) -> Phases:
        return super().__new__(cls, phases)

    @property
    def iterations(self) -> int:
        """Iterations of all phases together."""
        return sum(p.iterations for p in self)

    def at(self, iteration: int) -> int:
        """Return the index of the phase that an iteration, counted from 0, belongs to; past the end, of the last."""
        ends = np.cumsum([p.iterations for p in self])
        return int(min(np.searchsorted(ends, iteration, side="right"), len(self) - 1))

    def control_steps(self, iteration: int) -> int:
        """Return the control steps that the first ``iteration`` iterations take together."""
        first = np.cumsum([0, *(p.iterations for p in self)])[:-1]
        done = np.clip(iteration - first, 0, [p.iterations for p in self])
        return int(np.dot(done, [p.control_steps for p in self]))
