"""The `frontier` analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, Headline, Inputs, Result, Table
from mimic_frontier.findings import Knee, Point
from mimic_frontier.knee import find_knee
from mimic_frontier.names import brief
from mimic_frontier.nulls import bend_by_chance, null_levels
from mimic_frontier.points import front, lines_of, metrics_found, points_of, short
from mimic_frontier.settings import Settings


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads a sweep."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_frontier import figures

        sweep = inputs.one("sweep")
        found, lacking = metrics_found(sweep, settings)
        points = points_of(sweep, found, settings.cost)
        best = front(points, settings.reward, [m for m in found if m != settings.reward])
        bendable = {settings.reward, settings.high_frequency} <= set(found)
        knees = _knees(points, settings) if bendable else []
        levels = null_levels(sweep, found)
        tables = _points_tables(points, best, found, settings)
        if levels:
            tables["nulls"] = _null_table(points, levels, settings)
        if knees:
            tables["knee"] = _knee_table(knees, settings)
        return Result(
            headlines=[*_headlines(knees, points, settings), *_emg_headlines(points, levels, found, settings)],
            sentence=" ".join(_in_words(k) for k in knees if k.clear),
            metrics={**_metrics(points, best, knees, found, lacking, settings), "nulls": levels},
            tables=tables,
            figures={"frontier": figures.frontier(points, knees, found, levels, settings)},
            captions={"frontier": _caption(knees, lacking, levels)},
            methods=_methods(points, lacking, bendable, settings),
        )

    return analyse


def _knees(points: Sequence[Point], settings: Settings) -> list[Knee]:
    return [
        find_knee(line, settings.reward, settings.high_frequency, settings.least_bend)
        for line in lines_of(points).values()
    ]


def _metrics(
    points: Sequence[Point],
    best: Sequence[bool],
    knees: Sequence[Knee],
    found: Sequence[str],
    lacking: Sequence[str],
    settings: Settings,
) -> dict[str, Any]:
    return {
        "knee": {k.line or "all": _knee_metrics(k, found) for k in knees},
        "pareto": [p.name(settings.cost) for p, on in zip(points, best, strict=True) if on],
        "points": len(points),
        "missing": list(lacking),
        "settings": attrs.asdict(settings),
    }


def _knee_metrics(knee: Knee, found: Sequence[str]) -> dict[str, Any]:
    if knee.point is None:
        return {"clear": False, "reason": knee.reason}
    means = {m: mean.mean for m in found if (mean := knee.point.mean(m))}
    return {
        "cost": knee.point.cost,
        "bend": knee.bend.mean,
        "bend_ci95": knee.bend.ci95,
        "alike": list(knee.alike),
        "clear": knee.clear,
        "reason": knee.reason,
        **means,
    }


def _points_tables(
    points: Sequence[Point], best: Sequence[bool], found: Sequence[str], settings: Settings
) -> dict[str, Table]:
    means = [[p.mean(m) for m in found] for p in points]
    heads = [(p.line or "all", p.cost) for p in points]
    seeds = [max((m.n for m in row if m), default=0) for row in means]
    columns = ("other settings", short(settings.cost), *map(brief, found))
    return {
        "points": Table(
            columns=(*columns, "Pareto"),
            rows=[
                (*head, *("" if m is None else m.mean for m in row), "yes" if on else "no")
                for head, row, on in zip(heads, means, best, strict=True)
            ],
            caption="Mean over seeds. Pareto: no other point is as good in all of these metrics and better in one.",
        ),
        "points_ci95": Table(
            columns=(*columns, "seeds"),
            rows=[
                (*head, *("" if m is None or m.ci95 is None else m.ci95 for m in row), n)
                for head, row, n in zip(heads, means, seeds, strict=True)
            ],
            caption="Half the 95 % confidence interval of each of these means (Student's t).",
        ),
    }


def _knee_table(knees: Sequence[Knee], settings: Settings) -> Table:
    rows = []
    for k in knees:
        named = k.point is not None
        half = "" if not named or k.bend.ci95 is None else k.bend.ci95
        alike = ", ".join(f"{c:g}" for c in k.alike)
        numbers = (k.point.cost, k.bend.mean, half) if named else ("", "", "")
        rows.append((k.line or "all", *numbers, alike, "yes" if k.clear else "no", k.reason))
    return Table(
        columns=("other settings", short(settings.cost), "bend", "bend ± 95 %", "as good within CI", "clear", "reason"),
        rows=rows,
        caption=f"Knee of each line: {' '.join(dict.fromkeys(map(_in_words, knees)))}",
    )


def _in_words(knee: Knee) -> str:
    return f"{knee.line}: {knee.reason}" if knee.line else knee.reason


def _headlines(knees: Sequence[Knee], points: Sequence[Point], settings: Settings) -> list[Headline]:
    """The bend at each knee that is clear, beside an even exchange and what the scatter of seeds makes of one."""
    lines = lines_of(points)
    out = []
    for k in knees:
        if k.clear and k.point is not None and k.bend is not None:
            by_chance = bend_by_chance(lines[k.line], settings.reward, settings.high_frequency)
            label = f"bend of the frontier at {short(settings.cost)} {k.point.cost:g}"
            nulls = {
                "an even exchange": 0.0,
                "an even exchange, p95 over seeds": by_chance if np.isfinite(by_chance) else None,
            }
            note = "share of the high frequencies shed, less the share of the reward paid"
            out.append(
                Headline(
                    f"{label} ({k.line})" if k.line else label, k.bend.mean, note=note, nulls=nulls, better="higher"
                )
            )
    return out


def _emg_headlines(
    points: Sequence[Point], levels: Mapping[str, Mapping[str, float]], found: Sequence[str], settings: Settings
) -> list[Headline]:
    """The smallest difference from EMG of all points, beside its null models."""
    out = []
    for metric in (m for m in settings.emg if m in found and m in levels):
        there = [p for p in points if p.mean(metric)]
        least = min(there, key=lambda p: p.mean(metric).mean)
        label = f"least {brief(metric)} of {len(there)} points"
        note = f"mean over seeds, at {least.name(short(settings.cost))}; the least of several means"
        out.append(Headline(label, least.mean(metric).mean, note=note, nulls=levels[metric], better="lower"))
    return out


def _null_table(points: Sequence[Point], levels: Mapping[str, Mapping[str, float]], settings: Settings) -> Table:
    rows = []
    for metric, of in levels.items():
        means = [p.mean(metric).mean for p in points if p.mean(metric)]
        sign = -1.0 if metric == settings.reward else 1.0
        for name, level in of.items():
            beat = sum(sign * m < sign * level for m in means)
            rows.append((metric, name, level, min(means), max(means), f"{beat} of {len(means)}"))
    return Table(
        columns=("metric", "null model", "its value", "least", "largest", "points that do better"),
        rows=rows,
        caption="Metrics whose null models the sweep's analyses tell (mean over all trainings), and how many points "
        "are better than they: higher for the reward, lower for all else.",
    )


def _lack(lacking: Sequence[str]) -> str:
    if not lacking:
        return ""
    return f" This sweep does not have {', '.join(lacking)}, which {'is' if len(lacking) == 1 else 'are'} left out."


def _caption(knees: Sequence[Knee], lacking: Sequence[str], levels: Mapping[str, Any]) -> str:
    plane = (
        " Last panel: reward against high frequencies, every point with its cost; dashed: the chord between a line's "
        "ends; ringed: its knee, in grey where it is not clear."
        if knees
        else ""
    )
    lines = " Horizontal lines: null models, where the sweep's analyses tell them." if levels else ""
    return f"Mean over seeds with its 95 % confidence interval; dots are single runs.{lines}{plane}{_lack(lacking)}"


def _methods(points: Sequence[Point], lacking: Sequence[str], bendable: bool, settings: Settings) -> str:
    seeds = sorted({len(values) for p in points for values in p.by_seed.values()})
    n = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    knee = (
        f"The knee of a line is the point farthest above the chord between its ends, with {settings.reward} and "
        f"{settings.high_frequency} each put on 0 to 1 between those ends (difference curve of Kneedle, Satopää et al. "
        "2011, doi:10.1109/ICDCSW.2011.20). Its distance, the bend, is computed for every seed; the knee counts as "
        f"clear if the mean is at least {settings.least_bend:g} and the confidence interval leaves out 0. The interval "
        "is that of the point with the largest mean and does not allow for this choice."
        if bendable
        else f"No knee was looked for, which needs {settings.reward} and {settings.high_frequency}."
    )
    return (
        f"{len(points)} combinations of settings were trained with {n} seeds each; the cost is {settings.cost}, "
        "as in Fig. 2A of Leonardis et al. (2025, arXiv:2511.21848). Intervals are mean ± t(0.975, n − 1)·sd/√n "
        f"over seeds (Student's t). The Pareto front is that of the means over seeds. {knee}{_lack(lacking)}"
    )
