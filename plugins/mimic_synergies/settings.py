"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, in_, le


@attrs.frozen
class Settings:
    """Settings of the synergy analysis.

    Attributes:
        signal: ``activation`` or ``excitation`` of the muscles.
        normalise: divide every muscle by its largest value (``peak``), or leave it (``none``).
        vaf: share of the variance accounted for that is enough.
        synergies: how many; 0 means the fewest that reach ``vaf``, or the largest number tried if none does.
        most: the largest number tried; 0 means as many as there are muscles.
        restarts: fits from random starts beside the deterministic one (NNDSVDa); the best is kept.
        tolerance: relative change at which a fit ends.
        iterations: most iterations of a fit.
        shuffles: draws of every null model: muscles without coordination.
        draws: random sets of synergies that say how alike two sets are by chance.
        seed: of everything random.
    """

    signal: str = attrs.field(default="activation", validator=in_(("activation", "excitation")))
    normalise: str = attrs.field(default="peak", validator=in_(("peak", "none")))
    vaf: float = attrs.field(default=0.9, validator=[gt(0), le(1)])
    synergies: int = attrs.field(default=0, validator=ge(0))
    most: int = attrs.field(default=0, validator=ge(0))
    restarts: int = attrs.field(default=1, validator=ge(0))
    tolerance: float = attrs.field(default=1e-4, validator=gt(0))
    iterations: int = attrs.field(default=1000, validator=ge(1))
    shuffles: int = attrs.field(default=2, validator=ge(1))
    draws: int = attrs.field(default=200, validator=ge(1))
    seed: int = attrs.field(default=0, validator=ge(0))
