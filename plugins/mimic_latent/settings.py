"""Settings of the analysis."""

from __future__ import annotations

import attrs
from attrs.validators import ge


@attrs.frozen
class Settings:
    """Settings of the latent analysis.

    Attributes:
        joint: the joint whose angle colours the trajectories; empty means the one with the largest range.
        show: layers whose trajectories are drawn; none named means the intention and every decoder layer.
        components: principal components whose shares are listed.
        untrained: compare with the network as it was before training, where the folder of the training is given; it is
            rolled out beside the trained one.
        seed: of shuffles, and of the pairing of clips by chance, see ``chance`` in the table of similarities.
    """

    joint: str = ""
    show: tuple[str, ...] = ()
    components: int = attrs.field(default=10, validator=ge(3))
    untrained: bool = True
    seed: int = attrs.field(default=0, validator=ge(0))
