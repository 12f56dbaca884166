"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, in_


@attrs.frozen
class Settings:
    """Settings of the spectral analysis.

    Attributes:
        signal: ``excitation`` (what the muscle was told), ``activation`` (what it made of it) or ``action`` (what the
            policy put out).
        cut_hz: power at this frequency or above counts as high, Hz.
        top_hz: the upper end of it, Hz; half the control rate, if that is lower.
        reach_ms: how long the reach lasts; what comes later is the hold.
        pad_ms: outside of a clip, at both ends, its signals fade to their mean over this much.
        order: of the Butterworth filter, as scipy counts it; it is run forwards and backwards.
        draws: shuffled copies of every clip that the null models are the mean of.
        seed: of these.
    """

    signal: str = attrs.field(default="excitation", validator=in_(("excitation", "activation", "action")))
    cut_hz: float = attrs.field(default=10.0, validator=gt(0))
    top_hz: float = attrs.field(default=1000.0, validator=gt(0))
    reach_ms: float = attrs.field(default=300.0, validator=gt(0))
    pad_ms: float = attrs.field(default=200.0, validator=gt(0))
    order: int = attrs.field(default=4, validator=ge(1))
    draws: int = attrs.field(default=10, validator=ge(1))
    seed: int = attrs.field(default=0, validator=ge(0))

    @top_hz.validator
    def _above_the_cut(self, attribute: attrs.Attribute, value: float) -> None:
        if value <= self.cut_hz:
            raise ValueError(f"must be more than cut_hz ({self.cut_hz:g}), got {value:g}")
