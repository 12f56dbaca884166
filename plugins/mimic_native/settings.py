"""Settings of a model's own actuators."""

from __future__ import annotations

from collections.abc import Mapping

import attrs


def _is_range(instance: object, attribute: attrs.Attribute, value: Mapping[str, tuple[float, float]]) -> None:
    for pattern, (low, high) in value.items():
        if not low < high:
            raise ValueError(f"{pattern!r}: the lower end must be below the upper one, got {low:g} and {high:g}")


@attrs.frozen
class Settings:
    """Settings of a model's own actuators.

    Attributes:
        control_range: actuator, or a pattern of names such as ``*_L`` → lowest and highest control, where the model
            gives none or another one is wanted; the first pattern that fits counts.
        reserve: joint, or a pattern of names → the largest force (N·m; N for a slide) of a motor there beside the
            model's own actuators, for muscles that it lacks; 0 takes away the body's own. It is small, costs
            (`rewards.reserve`), and what it gave is reported.
        reserve_time: time constant, s, with which a reserve's activation follows its excitation; 0: at once.
    """

    control_range: Mapping[str, tuple[float, float]] = attrs.field(factory=dict, validator=_is_range)
    reserve: Mapping[str, float] = attrs.field(factory=dict)
    reserve_time: float = attrs.field(default=0.02, validator=attrs.validators.ge(0))
