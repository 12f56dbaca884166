"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import gt, in_


@attrs.frozen
class Settings:
    """Settings of the spectral analysis.

    Attributes:
        signal: ``excitation`` (what the muscle was told), ``activation`` (what it made of it) or ``action`` (what the
            policy put out).
        cut_hz: power at this frequency or above counts as high, Hz.
        top_hz: the upper end of it, Hz; half the control rate, if that is lower.
        window: taper of each clip, any that scipy knows by name. Without one (``boxcar``) a reach that ends elsewhere
            than it began looks as if it had high frequencies.
        detrend: what is subtracted from each clip first: its mean (``constant``), a straight line (``linear``), or
            nothing (``none``).
    """

    signal: str = attrs.field(default="excitation", validator=in_(("excitation", "activation", "action")))
    cut_hz: float = attrs.field(default=10.0, validator=gt(0))
    top_hz: float = attrs.field(default=1000.0, validator=gt(0))
    window: str = "hann"
    detrend: str = attrs.field(default="constant", validator=in_(("constant", "linear", "none")))

    @top_hz.validator
    def _above_the_cut(self, attribute: attrs.Attribute, value: float) -> None:
        if value <= self.cut_hz:
            raise ValueError(f"must be more than cut_hz ({self.cut_hz:g}), got {value:g}")
