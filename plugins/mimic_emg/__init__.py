"""EMG: from recordings to envelopes, and beside what the simulated muscles did."""

from mimic_core import AnalysisSpec, EmgReaderSpec, Reads, hookimpl
from mimic_emg.settings import Comparison, MeanEmg, RawEmg, SyntheticEmg

_PAPER = "Leonardis et al. 2025, arXiv:2511.21848, section 2.2"


def build_raw(config: RawEmg):
    from mimic_emg.raw import reader

    return reader(config)


def build_mean(config: MeanEmg):
    from mimic_emg.mean_curve import reader

    return reader(config)


def build_synthetic(config: SyntheticEmg):
    from mimic_emg.synthetic import reader

    return reader(config)


def build_analysis(config: Comparison):
    from mimic_emg.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_emg_readers():
    yield EmgReaderSpec(
        name="emg",
        config=RawEmg,
        build=build_raw,
        reads="raw EMG, a .csv for each muscle (a row for each trial) and a trial table .csv (columns start, end); "
        "a .csv or .sto with a column of times and one for each muscle, and a trial table; "
        "or one .nwb with ElectricalSeries and trials",
        summary="raw EMG to envelopes: band-pass, rectified, low-pass, averaged in blocks, share of a percentile",
        source=_PAPER,
        default=True,
    )
    yield EmgReaderSpec(
        name="mean_emg",
        config=MeanEmg,
        build=build_mean,
        reads="mean envelopes that are already processed, one .csv (a column of times, a column for each muscle)",
        summary="mean envelopes over trials, e.g. out of a publication",
    )
    yield EmgReaderSpec(
        name="synthetic_emg",
        config=SyntheticEmg,
        build=build_synthetic,
        reads="rollouts",
        of_rollouts=True,
        summary="made-up EMG of simulated muscles: noise whose amplitude follows their activation, processed like any",
        source="amplitude-modulated Gaussian noise: Hogan & Mann 1980, doi:10.1109/TBME.1980.326652",
    )


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="emg",
        config=Comparison,
        build=build_analysis,
        reads=(Reads("rollouts", several=True), Reads("emg"), Reads("sensitivity", optional=True)),
        summary="recorded EMG beside simulated muscles, trial by trial and on average: error, correlation, delay",
        source=_PAPER,
    )
