"""Empirical dynamic modelling: how well joints and muscles forecast muscle activity, and what that is worth.

Analyses: `simplex` (simplex projection beside null models), `simplex_sweep` (over E, tau and Tp), `smap` (a test for
nonlinearity) and `ccm` (convergent cross mapping, beside repetition and a shared drive). Leonardis et al. (2025) give
E = 2 and tau = -1 for joints, Tp = 5, and Spearman's rho. Their public notebook computed the published 0.802 (biceps)
and 0.789 (triceps) with Tp = 1 at 400 Hz, raw actions z-scored per trial, and Pearson's r; here both coefficients are
reported and those choices are settings.
"""

from __future__ import annotations

from mimic_core import AnalysisSpec, Reads, hookimpl
from mimic_simplex.settings import CCMSettings, Settings, SMapSettings, SweepSettings

_SIMPLEX = "Sugihara & May 1990, doi:10.1038/344734a0; Takens 1981, doi:10.1007/BFb0091924"

_READS = (Reads("rollouts"), Reads("emg", optional=True))


def build(config: Settings):
    from mimic_simplex.analysis import analysis

    return analysis(config)


def build_sweep(config: SweepSettings):
    from mimic_simplex.sweep import analysis

    return analysis(config)


def build_smap(config: SMapSettings):
    from mimic_simplex.smap import analysis

    return analysis(config)


def build_ccm(config: CCMSettings):
    from mimic_simplex.ccm import analysis

    return analysis(config)


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="simplex",
        config=Settings,
        build=build,
        reads=_READS,
        summary="simplex projection from joints and muscles to muscles or EMG, beside null models (checked with pyEDM)",
        source=_SIMPLEX,
    )
    yield AnalysisSpec(
        name="simplex_sweep",
        config=SweepSettings,
        build=build_sweep,
        reads=_READS,
        summary="simplex projection of each variable over E, tau and Tp, on all cores",
        source=_SIMPLEX,
    )
    yield AnalysisSpec(
        name="smap",
        config=SMapSettings,
        build=build_smap,
        reads=_READS,
        summary="S-map: does forecasting gain from local maps, i.e. are the dynamics nonlinear (pyEDM)",
        source="Sugihara 1994, doi:10.1098/rsta.1994.0106",
    )
    yield AnalysisSpec(
        name="ccm",
        config=CCMSettings,
        build=build_ccm,
        reads=_READS,
        summary="cross mapping between joints and muscles, both ways: more than repetition and a shared drive explain?",
        source="Sugihara et al. 2012, doi:10.1126/science.1227079; Leng et al. 2020, doi:10.1038/s41467-020-16238-0",
    )
