"""What the frontier is made of: points, and where their line bends."""

from __future__ import annotations

import attrs

from mimic_statistics import Mean


@attrs.frozen(eq=False)
class Point:
    """A combination of settings.

    Attributes:
        cost: value of the setting along the axis.
        by_seed: metric → seed → number.
    """

    line: str
    cost: float
    by_seed: dict[str, dict[int, float]]

    def mean(self, metric: str) -> Mean | None:
        """Mean over seeds with its confidence interval; None where no run has it."""
        values = list(self.by_seed.get(metric, {}).values())
        return Mean.of(values) if values else None

    def name(self, cost: str) -> str:
        """What tells it from the others, in words."""
        return f"{cost} {self.cost:g}" + (f", {self.line}" if self.line else "")


@attrs.frozen(eq=False)
class Knee:
    """The point of a line that is farthest from the chord between the line's ends.

    Attributes:
        point: None where no point can be named.
        bend: its distance to the chord along the reward, as a share of the reward's range; mean over seeds.
        alike: costs whose bend is as large within the confidence intervals.
        clear: the bend is large enough, and its confidence interval over seeds lies above 0.
        reason: why, in a sentence.
    """

    line: str
    point: Point | None
    bend: Mean | None
    alike: tuple[float, ...]
    clear: bool
    reason: str
