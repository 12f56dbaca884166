"""The `latent` analysis: what the network's layers hold while the body moves."""

from __future__ import annotations

import attrs
from attrs.validators import ge

from mimic_core import AnalysisSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the latent analysis.

    Attributes:
        joint: the joint whose angle colours the trajectories; empty means the one with the largest range.
        show: layers whose trajectories are drawn; none named means the intention and every decoder layer.
        components: principal components whose shares are listed.
        seed: of the pairing of clips by chance, see ``chance`` in the table of similarities.
    """

    joint: str = ""
    show: tuple[str, ...] = ()
    components: int = attrs.field(default=10, validator=ge(3))
    seed: int = attrs.field(default=0, validator=ge(0))


def build(config: Settings):
    from mimic_latent.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="latent",
        config=Settings,
        build=build,
        several=True,
        summary="principal components of intention and network layers, and how alike they are between seeds",
        source="Leonardis et al. 2025, arXiv:2511.21848, section 2.7; Kornblith, Norouzi, Lee & Hinton 2019, "
        "arXiv:1905.00414; Williams, Kunz, Kornblith & Linderman 2021, arXiv:2110.14739",
    )
