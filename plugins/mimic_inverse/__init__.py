"""What muscles would have to do for a movement: the analysis `inverse`, inverse dynamics and static optimisation."""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_inverse.settings import Settings


def build(config: Settings):
    from mimic_inverse.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="inverse",
        config=Settings,
        build=build,
        reads=(
            Reads("clips"),
            Reads("rollouts", optional=True),
            Reads("emg", optional=True),
            Reads("sensitivity", optional=True),
        ),
        summary="torques that a movement needs, the muscles' least effort for them, and what else is feasible",
        source="Crowninshield & Brand 1981, doi:10.1016/0021-9290(81)90035-X (static optimisation); Thelen, Anderson & "
        "Delp 2003, doi:10.1016/S0021-9290(02)00432-3 (activation dynamics); Sohn, McKay & Ting 2013, "
        "doi:10.1016/j.jbiomech.2013.01.020 (feasible range)",
    )
