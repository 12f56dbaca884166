"""Simplex projection of each variable over E, tau and Tp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, Headline, Inputs, Progress, Result, Table
from mimic_simplex import pool
from mimic_simplex.findings import Cell, Forecast, Peer
from mimic_simplex.neighbours import Cloud, Stack
from mimic_simplex.nulls import NULLS, Beside, all_beside, counted, means, null_forecasts
from mimic_simplex.peer import largest_difference
from mimic_simplex.scores import pearson, spearman
from mimic_simplex.settings import SweepSettings
from mimic_simplex.variables import signals_of, stacks_of, synthetic, variables_of

NO_LIBRARY = "no clip of the library is as long as embedding and horizon"
NO_PREDICTION = "no predicted clip is as long as embedding and horizon"
FEW_NEIGHBOURS = "fewer library vectors than neighbours"
FEW_PREDICTIONS = "too few predictions"
CONSTANT = "constant forecast or observation"
REASONS = (NO_LIBRARY, NO_PREDICTION, FEW_NEIGHBOURS, FEW_PREDICTIONS, CONSTANT)


def evaluate(stack: Stack, E: int, tau: int, horizons: Sequence[int]) -> list[Cell]:
    """Forecast one variable (the first target) by simplex projection at each horizon."""
    cloud = Cloud(stack, E, tau)
    return [_cell(cloud, E, tau, tp) for tp in horizons]


def _cell(cloud: Cloud, E: int, tau: int, tp: int) -> Cell:
    nan = float("nan")
    stack, k = cloud.stack, E + 1
    if not cloud.library_size(tp):
        return Cell(E, tau, tp, nan, nan, 0, NO_LIBRARY)
    if not cloud.asked(tp).any():
        return Cell(E, tau, tp, nan, nan, 0, NO_PREDICTION)
    found = cloud.neighbours(tp, k)
    n = len(found.row)
    if not n:
        return Cell(E, tau, tp, nan, nan, 0, FEW_NEIGHBOURS)
    observed, predicted = stack.targets[found.row + tp, 0], found.forecast(stack.targets)[:, 0]
    if np.ptp(observed) == 0 or np.ptp(predicted) == 0:
        return Cell(E, tau, tp, nan, nan, n, CONSTANT)
    return Cell(E, tau, tp, spearman(observed, predicted), pearson(observed, predicted), n)


def _job(stacks: dict[str, Stack], job: tuple[str, int, int, tuple[int, ...]]) -> list[Cell]:
    variable, E, tau, horizons = job
    return evaluate(stacks[variable], E, tau, horizons)


def sweep(stacks: dict[str, Stack], settings: SweepSettings, progress: Progress | None = None) -> dict[str, list[Cell]]:
    """Every cell of every variable, in the order of E, tau, Tp; cells with too few predictions are undefined."""
    jobs = [(v, E, tau, settings.Tp) for v in stacks for E in settings.E for tau in settings.tau]
    done = pool.run(_job, jobs, stacks, settings.workers, progress)
    cells: dict[str, list[Cell]] = {v: [] for v in stacks}
    for (v, *_), found in zip(jobs, done, strict=True):
        cells[v] += found
    return {v: _enough(found, settings.least) for v, found in cells.items()}


def _enough(cells: list[Cell], least: float) -> list[Cell]:
    """Mark cells that have few predictions beside the one that has most: they are over the ends of a few clips."""
    needed = max(5.0, least * max(c.predictions for c in cells))
    nan = float("nan")
    return [
        attrs.evolve(c, rho=nan, r=nan, undefined=FEW_PREDICTIONS)
        if 0 < c.predictions < needed and not c.undefined
        else c
        for c in cells
    ]


def best(cells: list[Cell]) -> Cell | None:
    """The cell with the highest rho; None where none is defined."""
    defined = [c for c in cells if not c.undefined]
    return max(defined, key=lambda c: c.rho) if defined else None


def nulls_of(stack: Stack, cell: Cell, settings: SweepSettings) -> dict[str, Beside]:
    """Null models beside a cell's forecast of one variable."""
    cloud = Cloud(stack, cell.E, cell.tau)
    found = cloud.neighbours(cell.Tp, cell.E + 1)
    at = found.row + found.Tp
    rng = np.random.default_rng(settings.seed)
    nulls = null_forecasts(cloud, found, rng, settings.shuffles, settings.surrogates)
    forecast = Forecast(at, stack.targets[at, 0], found.forecast(stack.targets)[:, 0])
    return {name: of["it"] for name, of in all_beside({"it": forecast}, nulls, stack).items()}


def checked(stacks: dict[str, Stack], cells: dict[str, list[Cell]], settings: SweepSettings) -> Peer | None:
    """Compute some defined cells, drawn at random, with pyEDM too."""
    rng = np.random.default_rng(settings.seed)
    defined = [(v, c) for v, found in cells.items() for c in found if not c.undefined]
    peers = []
    for i in rng.permutation(len(defined))[: settings.check]:
        v, c = defined[i]
        cloud = Cloud(stacks[v], c.E, c.tau)
        found = cloud.neighbours(c.Tp, c.E + 1)
        ours = found.forecast(stacks[v].targets)[:, 0]
        peers.append(largest_difference(cloud, found, ours, 0))
    if not peers:
        return None
    return Peer(peers[0].version, sum(p.compared for p in peers), max(p.largest_difference for p in peers))


def analysis(settings: SweepSettings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts and, where there is some, EMG."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        signals = signals_of("simplex_sweep", inputs.one("rollouts"), inputs.maybe("emg"), settings)
        variables = variables_of(signals, settings.variables)
        stacks, how = stacks_of(signals, variables, settings)
        cells = sweep(stacks, settings, context.progress)
        return _result(cells, stacks, checked(stacks, cells, settings), how, settings, synthetic(signals, variables))

    return analyse


def _result(
    cells: dict[str, list[Cell]],
    stacks: dict[str, Stack],
    peer: Peer | None,
    how: str,
    settings: SweepSettings,
    origin: dict[str, bool],
) -> Result:
    from mimic_simplex import sweep_figures
    from mimic_simplex.texts import sweep_methods

    top = {v: best(found) for v, found in cells.items()}
    nulls = {v: nulls_of(stacks[v], c, settings) for v, c in top.items() if c}
    beside = {name: {v: of[name] for v, of in nulls.items()} for name in NULLS}
    undefined = {
        v: {reason: n for reason in REASONS if (n := sum(c.undefined == reason for c in found))}
        for v, found in cells.items()
    }
    n_cells = len(settings.E) * len(settings.tau) * len(settings.Tp)
    metrics: dict[str, Any] = {
        "best": {
            v: {
                **{name: getattr(c, name) if c else None for name in ("E", "tau", "Tp", "rho", "r")},
                "Tp_ms": 1e3 * c.Tp / settings.rate_hz if c else None,
            }
            for v, c in top.items()
        },
        "nulls": {v: {name: attrs.asdict(b) for name, b in of.items()} for v, of in nulls.items()},
        "undefined": undefined,
        "cells": {
            "each": n_cells,
            "all": n_cells * len(cells),
            "undefined": sum(sum(u.values()) for u in undefined.values()),
        },
        "clips": {v: len(s.clips) for v, s in stacks.items()},
        "settings": {**attrs.asdict(settings), "variables": list(cells), "split": how},
        "pyEDM": attrs.asdict(peer) if peer else {},
        **origin,
    }
    methods = sweep_methods(metrics, settings)
    headlines, sentence = [], ""
    if nulls:
        rho = float(np.mean([c.rho for c in top.values() if c]))
        note = f"best cell of each of {len(nulls)} variables, mean"
        headlines = [Headline("simplex ρ, best embedding", rho, note=note, nulls=means(beside), better="higher")]
        sentence = (
            f"At the best embedding and horizon of each of {len(nulls)} variables simplex projection reaches a "
            f"Spearman's ρ of {rho:.3g} on average. It is above {counted(beside)}; clearly: the 95 % interval over "
            "trials lies above 0."
        )
    return Result(
        headlines=headlines,
        sentence=sentence,
        metrics=metrics,
        tables={
            "best": Table(
                columns=(
                    "variable",
                    "E",
                    "tau (samples)",
                    "Tp (samples)",
                    "Tp (ms)",
                    "Spearman rho",
                    "Pearson r",
                    "predictions",
                ),
                rows=[
                    (v, c.E, c.tau, c.Tp, 1e3 * c.Tp / settings.rate_hz, c.rho, c.r, c.predictions)
                    if c
                    else (v, *[None] * 7)
                    for v, c in top.items()
                ],
                caption="Embedding and horizon with the highest Spearman's rho of each variable.",
            ),
            "nulls": Table(
                columns=("variable", "Spearman rho", *NULLS),
                rows=[(v, top[v].rho, *(of[name].rho for name in NULLS)) for v, of in nulls.items()],
                caption="Spearman's rho at the best embedding and horizon, beside null models on the same predictions. "
                f"{'; '.join(f'{name}: {what}' for name, what in NULLS.items())}. The cell was chosen by its rho, "
                "which favours it over them.",
            ),
            "undefined": Table(
                columns=("variable", "reason", "cells", f"of {n_cells}, %"),
                rows=[(v, reason, n, 100 * n / n_cells) for v, u in undefined.items() for reason, n in u.items()],
                caption="Cells of the sweep without a number, and why.",
            ),
            "cells": Table(
                columns=(
                    "variable",
                    "E",
                    "tau (samples)",
                    "Tp (samples)",
                    "Spearman rho",
                    "Pearson r",
                    "predictions",
                    "undefined",
                ),
                rows=[
                    (v, c.E, c.tau, c.Tp, c.rho, c.r, c.predictions, c.undefined)
                    for v, found in cells.items()
                    for c in found
                ],
                caption="Every cell of the sweep.",
            ),
        },
        figures={
            "embedding": sweep_figures.heat_maps(cells, top, settings),
            "horizon": sweep_figures.horizons(cells, top, settings),
        },
        captions={
            "embedding": "Spearman's rho over E and tau at the horizon where each variable is forecast best; a square "
            "marks the highest, hatched cells have no number (table undefined says why).",
            "horizon": "Spearman's rho over the horizon at the best E and tau of each variable.",
        },
        methods=methods,
    )
