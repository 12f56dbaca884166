"""Figure of the `paper_compat` analysis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from mimic_core import Emg, Rollouts
from mimic_drawing import BLACK, BLUE, GREY, VERMILLION
from mimic_reach_paper.emg import Sample, beside, in_time, muscle_map, raw, stretched
from mimic_reach_paper.findings import Recorded
from mimic_reach_paper.settings import Compat
from mimic_sensitivity import ALL, Sensitivity
from mimic_statistics import mean_and_sem


def time_base(
    rollouts: Sequence[Rollouts], emg: Emg | None, settings: Compat, sensitivity: Sensitivity | None = None
) -> Figure | None:
    """Each compared muscle: EMG, the published way and the right way. None where no muscle is compared."""
    muscles = muscle_map(rollouts[0], emg, settings)
    if not muscles:
        return None
    recorded = beside(rollouts[0], emg, settings) if emg else None
    time = recorded.time if recorded else np.linspace(0.0, 1e-3 * settings.drawn_ms, 101)
    figure = Figure(figsize=(3.6 * len(muscles) + 0.4, 3.1), layout="constrained")
    axes = figure.subplots(1, len(muscles), sharey=True, squeeze=False)[0]
    for ax, (name, muscle) in zip(axes, muscles.items(), strict=True):
        if recorded:
            _emg(ax, recorded, name)
        ways = (
            ("published way", VERMILLION, (0, (5, 1.5)), [(raw(r, muscle), stretched(r, settings)) for r in rollouts]),
            ("right way", BLUE, "-", [(r.of("excitation", muscle), in_time(r, settings)) for r in rollouts]),
        )
        for label, colour, line, signals in ways:
            mean = mean_and_sem(np.array([_mean(signal, sample, time) for signal, sample in signals]))[0]
            ax.plot(1e3 * time, mean, color=colour, linestyle=line, label=label)
        if sensitivity is not None and ALL in sensitivity.parameters:
            bodies = sensitivity.rollouts(sensitivity.controller_among(rollouts))
            course = [_mean(r.of("excitation", muscle), in_time(r, settings), time) for r in bodies]
            spread = sensitivity.spread_of(lambda b, course=course: course[b])[ALL]
            for end in spread.around(mean):
                ax.plot(1e3 * time, end, color=BLUE, linewidth=0.9, linestyle=(0, (4, 2)))
        ax.axvline(1e3 * settings.drawn_steps / rollouts[0].rate_hz, color=GREY, linewidth=0.8, linestyle=":")
        ax.set_title(f"{name} ({muscle})")
        ax.set_xlabel("time from reach start (ms)")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("excitation, EMG (share of full)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


def _emg(ax, recorded: Recorded, name: str) -> None:
    ms, mean, sem = 1e3 * recorded.time, mean_and_sem(recorded.envelope[name])[0], recorded.sem[name]
    ax.fill_between(ms, mean - sem, mean + sem, color=BLACK, alpha=0.15, linewidth=0)
    ax.plot(ms, mean, color=BLACK, label="EMG")


def _mean(signal: np.ndarray, sample: Sample, time: np.ndarray) -> np.ndarray:
    return mean_and_sem(np.array([sample(steps, time) for steps in signal]))[0]
