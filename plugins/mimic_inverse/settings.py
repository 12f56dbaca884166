"""Settings of the analysis."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from attrs.validators import deep_iterable, ge, gt, in_, instance_of

from mimic_static_optimisation import INFEASIBLE_SHARE, LOWPASS_HZ, RESERVE_COST, SOLUTIONS


@attrs.frozen(kw_only=True)
class Settings:
    """Settings of the inverse analysis.

    Attributes:
        lowpass_hz: the registered angles are low-passed here before they are differentiated twice; 0 for not at all.
            The same filter as the imitated reference's (`task.reference_lowpass_hz`).
        solutions: which costs are minimised: ``squared`` and ``cubed`` activations, frame by frame, and ``dynamic``,
            squared ones over the whole clip that rise and fall no faster than the muscles' time constants allow.
        compare: which of them stands beside the controller, in the headlines and in the sensitivity.
        reserve_cost: a torque beside the muscles as large as a joint's root mean square torque costs as much as this
            many fully active muscles.
        infeasible_share: a frame in which the reserve of a joint is larger than this share of the joint's root mean
            square torque is one that no activation gives.
        inside_tolerance: the controller is inside the feasible range up to this much beyond it.
        range_clips: of how many clips, evenly chosen, the feasible range is found.
        dynamic_rounds: how often the limits of rise and fall are linearised anew about the last solution.
        spread: muscle parameters are varied by up to this share for the sensitivity.
        bodies: how many bodies are drawn for each parameter; 0 leaves the sensitivity out.
        sensitivity_clips: of how many clips, evenly chosen, the sensitivity is found.
        seed: of these draws.
        muscles: recorded muscle → simulated muscle, where the body does not say.
    """

    lowpass_hz: float = attrs.field(default=LOWPASS_HZ, validator=ge(0))
    solutions: tuple[str, ...] = attrs.field(
        default=tuple(SOLUTIONS), converter=tuple, validator=deep_iterable(in_(tuple(SOLUTIONS)))
    )
    compare: str = attrs.field(default="squared", validator=in_(tuple(SOLUTIONS)))
    reserve_cost: float = attrs.field(default=RESERVE_COST, validator=gt(0))
    infeasible_share: float = attrs.field(default=INFEASIBLE_SHARE, validator=gt(0))
    inside_tolerance: float = attrs.field(default=0.01, validator=ge(0))
    range_clips: int = attrs.field(default=40, validator=ge(1))
    dynamic_rounds: int = attrs.field(default=4, validator=ge(1))
    spread: float = attrs.field(default=0.2, validator=[gt(0)])
    bodies: int = attrs.field(default=8, validator=ge(0))
    sensitivity_clips: int = attrs.field(default=6, validator=ge(1))
    seed: int = attrs.field(default=0, validator=ge(0))
    muscles: Mapping[str, str] = attrs.field(factory=dict, validator=instance_of(Mapping))

    @property
    def all_solutions(self) -> tuple[str, ...]:
        """The solutions asked for, the compared one first."""
        return (self.compare, *(s for s in self.solutions if s != self.compare))
