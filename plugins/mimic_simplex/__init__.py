"""The `simplex` analysis: how well joint angles forecast muscle activity.

Simplex projection (Sugihara & May 1990) through pyEDM, trained on some clips and tested on others.
Leonardis et al. (2025) give E = 2 and tau = -1 for joints, Tp = 5, and Spearman's rho. Their public
notebook computed the published 0.802 (biceps) and 0.789 (triceps) with Tp = 1 at 400 Hz, raw actions
z-scored per trial, and Pearson's r; here both coefficients are reported and those choices are settings.
"""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, in_, lt

from mimic_core import AnalysisSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of simplex projection.

    Attributes:
        signal: what is forecast: ``activation``, or ``excitation`` (averaged over each analysis sample).
        joints: joints to forecast from; none named means all.
        targets: muscles (or other actuators) to forecast; none named means all.
        E: number of delayed copies of each joint angle.
        tau: delay between copies, analysis samples; negative means the past.
        Tp: how far ahead to forecast, analysis samples.
        neighbors: neighbours averaged over; 0 means E + 1.
        rate_hz: analysis rate, Hz; must divide the control rate.
        standardize: joint angles as they are (``none``), z-scored with mean and SD of the library
            (``library``), or angles and signals z-scored clip by clip (``trial``, which looks ahead).
        split: ``rollouts`` takes the clips labelled train as library and those labelled held_out to
            predict; ``fraction`` draws them. Rollouts with one label only are split by fraction.
        held_out: share of clips to predict when drawn.
        shuffles: repeats of the shuffled control.
        seed: of the draw and of the shuffles.
        show: muscles whose traces are drawn; none named means all.
    """

    signal: str = attrs.field(default="activation", validator=in_(("activation", "excitation")))
    joints: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    E: int = attrs.field(default=2, validator=ge(1))
    tau: int = attrs.field(default=-1, validator=lt(0))
    Tp: int = attrs.field(default=5, validator=ge(0))
    neighbors: int = attrs.field(default=0, validator=ge(0))
    rate_hz: float = attrs.field(default=200.0, validator=gt(0))
    standardize: str = attrs.field(default="library", validator=in_(("none", "library", "trial")))
    split: str = attrs.field(default="rollouts", validator=in_(("rollouts", "fraction")))
    held_out: float = attrs.field(default=0.3, validator=[gt(0), lt(1)])
    shuffles: int = attrs.field(default=20, validator=ge(1))
    seed: int = attrs.field(default=0, validator=ge(0))
    show: tuple[str, ...] = ()

    @property
    def k(self) -> int:
        """Number of neighbours."""
        return self.neighbors or self.E + 1

    @property
    def shift(self) -> int:
        """Samples between the newest and the oldest entry of an embedding vector."""
        return (self.E - 1) * -self.tau


def build(config: Settings):
    from mimic_simplex.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="simplex",
        config=Settings,
        build=build,
        summary="simplex projection from joint angles to each muscle, with shuffled control (pyEDM)",
        source="Sugihara & May 1990, doi:10.1038/344734a0; Takens 1981, doi:10.1007/BFb0091924",
    )
