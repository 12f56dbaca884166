"""Leonardis et al. (2025): the layout that its public notebooks read, and its pairings beside the right ones."""

from __future__ import annotations

from mimic_core import AnalysisSpec, FormatSpec, Reads, hookimpl
from mimic_reach_paper.settings import Compat, Layout

PAPER = "Leonardis et al. 2025, arXiv:2511.21848"
NOTEBOOKS = "the public notebooks of the paper, talmolab/mouse-reach-mjx-neurips"


def build_layout(config: Layout):
    from mimic_reach_paper.layout import ReachPaper

    return ReachPaper(config)


def build_compat(config: Compat):
    from mimic_reach_paper.analysis import analysis

    return analysis(config)


@hookimpl
def mimic_formats():
    yield FormatSpec(
        name="reach_paper",
        config=Layout,
        build=build_layout,
        kind="rollouts",
        suffixes=(".h5",),
        summary="rollouts as the notebooks of Leonardis et al. (2025) read them (.h5)",
        source=NOTEBOOKS,
    )


@hookimpl
def mimic_analyses():
    yield AnalysisSpec(
        name="paper_compat",
        config=Compat,
        build=build_compat,
        reads=(Reads("rollouts", several=True), Reads("emg", optional=True), Reads("sensitivity", optional=True)),
        summary="the published pairings of Leonardis et al. (2025) beside the right ones, fault by fault",
        source=f"{PAPER}; {NOTEBOOKS}",
    )
