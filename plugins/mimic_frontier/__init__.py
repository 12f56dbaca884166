"""The `frontier` analysis: what a sweep gains and what it costs."""

from __future__ import annotations

import attrs
from attrs.validators import gt, lt

from mimic_core import AnalysisSpec, hookimpl


@attrs.frozen
class Settings:
    """Settings of the frontier. A metric is a column of the sweep's ``results.csv``.

    Attributes:
        cost: setting of the grid that is drawn along the axis; all others together make the lines.
        reward: metric that should be high.
        high_frequency: metric that should be low, and that the cost is to bring down.
        emg: metrics of the difference from EMG, that should be low.
        least_bend: a knee is clear from this distance to the chord on, as a share of the reward's range.
    """

    cost: str = "rewards.control.weight"
    reward: str = "rollout.terms.joint"
    high_frequency: str = "spectral.share.mean"
    emg: tuple[str, ...] = ("emg.triceps.excitation.mae", "emg.biceps.excitation.mae")
    least_bend: float = attrs.field(default=0.1, validator=[gt(0), lt(1)])


def build(config: Settings):
    from mimic_frontier.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="frontier",
        config=Settings,
        build=build,
        of="sweep",
        summary="reward, EMG error and high-frequency share against the cost of control; the knee of the frontier",
        source="Leonardis et al. 2025, Fig. 2A; knee: Satopää et al. 2011, doi:10.1109/ICDCSW.2011.20",
    )
