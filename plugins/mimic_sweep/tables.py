"""What came of a sweep: one table with a row for every run, and mean and confidence interval over seeds."""

from __future__ import annotations

import fnmatch
import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mimic_core import Result, Table
from mimic_drawing import CYCLE
from mimic_statistics import Mean
from mimic_sweep.results import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PANELS = 6


def numbers(summary: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Return the numbers in nested tables as dotted name → number; lists, text and what is missing are left out."""
    out: dict[str, float] = {}
    for key, v in summary.items():
        if key in ("seed", "settings"):
            continue
        if isinstance(v, Mapping):
            out |= numbers(v, f"{prefix}{key}.")
        elif isinstance(v, (int, float)) and not isinstance(v, bool):
            out[f"{prefix}{key}"] = v
    return out


def shown_metrics(rows: Sequence[Row], show: Sequence[str]) -> list[str]:
    """Names of the metrics that match a pattern, in the order of the patterns."""
    names = _names(rows)
    return list(dict.fromkeys(n for pattern in show for n in names if fnmatch.fnmatch(n, pattern)))


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row.metrics))


def _by_point(rows: Sequence[Row]) -> dict[str, list[Row]]:
    out: dict[str, list[Row]] = {}
    for row in rows:
        out.setdefault(row.point, []).append(row)
    return out


def _means(rows: Sequence[Row], names: Sequence[str]) -> dict[str, Mean]:
    """Mean of every metric that at least one of the rows has."""
    found = {name: [r.metrics[name] for r in rows if name in r.metrics] for name in names}
    return {name: Mean.of(values) for name, values in found.items() if values}


def point_rows(rows: Sequence[Row], show: Sequence[str]) -> list[dict[str, Any]]:
    """For every combination of settings its ``values`` and the shown ``metrics``."""
    names = shown_metrics(rows, show)
    return [{"values": dict(group[0].values), "metrics": _means(group, names)} for group in _by_point(rows).values()]


def tabulate(rows: Sequence[Row], show: Sequence[str], title: str = "") -> Result:
    """Tables ``results`` (a row for every run) and ``summary`` (a row for every combination and metric), a figure."""
    paths = list(rows[0].values) if rows else []
    names = _names(rows)
    cells = {row.run: [_cell(row.values[p]) for p in paths] for row in rows}
    results = Table(
        columns=("run", *paths, "seed", *names),
        rows=[(r.run, *cells[r.run], r.seed, *(r.metrics.get(n, "") for n in names)) for r in rows],
        caption="Every run, with the settings that the sweep varies and everything that was measured",
    )
    summary = Table(
        columns=(*paths, "metric", "seeds", "mean", "sd", "ci95_low", "ci95_high"),
        rows=[
            (*cells[group[0].run], name, m.n, m.mean, *_spread(m))
            for group in _by_point(rows).values()
            for name, m in _means(group, names).items()
        ],
        caption="Mean over seeds and 95 % confidence interval by Student's t",
    )
    drawn = shown_metrics(rows, show)[:MAX_PANELS]
    figures = {"sweep": _figure(rows, paths, drawn, title)} if drawn else {}
    return Result(
        metrics={"points": point_rows(rows, show)},
        tables={"results": results, "summary": summary},
        figures=figures,
        captions={"sweep": "Mean over seeds and 95 % confidence interval; dots are single runs."},
        methods="Confidence intervals: mean ± t(0.975, n − 1)·sd/√n over n seeds (Student's t).",
    )


def _cell(v: Any) -> Any:
    return v if isinstance(v, (int, float, str)) and not isinstance(v, bool) else json.dumps(v)


def _spread(m: Mean) -> tuple[Any, Any, Any]:
    return ("", "", "") if m.ci95 is None else (m.sd, m.mean - m.ci95, m.mean + m.ci95)


def _figure(rows: Sequence[Row], paths: Sequence[str], names: Sequence[str], title: str) -> Figure:
    """A panel for every metric, against the first setting whose values are numbers; the other settings are lines."""
    from matplotlib.figure import Figure

    along = next((p for p in paths if all(_is_number(r.values[p]) for r in rows)), None)
    lines: dict[str, list[Row]] = {}
    for row in rows:
        others = [f"{p.partition('.')[2] or p} {_cell(row.values[p])}" for p in paths if p != along]
        lines.setdefault("" if along is None else ", ".join(others), []).append(row)
    figure = Figure(figsize=(3.8 * len(names) + (1.5 if len(lines) > 1 else 0), 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(panels, names, strict=True):
        for (label, line), colour in zip(lines.items(), _cycle(len(lines)), strict=True):
            _draw(ax, line, along, name, label, colour)
        # a long name has a line for some of its parts
        ax.set_title(textwrap.fill(name.replace(".", ". "), 40).replace(". ", "."), fontsize=9, loc="left")
        ax.tick_params(labelsize=8)
        ax.spines[["top", "right"]].set_visible(False)
        if along is not None:
            ax.set_xlabel(along, fontsize=9)
    if len(lines) > 1:
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8, frameon=False)
    if title:
        figure.suptitle(title, fontsize=10, x=0.01, ha="left")
    return figure


def _draw(ax: Axes, rows: Sequence[Row], along: str | None, name: str, label: str, colour: str) -> None:
    groups = {p: m for p, g in _by_point(rows).items() if (m := [r for r in g if name in r.metrics])}
    if along is None:
        places: dict[str, float] = {point: i for i, point in enumerate(groups)}
        ax.set_xticks(list(places.values()), [p or "all" for p in places], rotation=30, ha="right")
    else:
        places = {point: g[0].values[along] for point, g in groups.items()}
    for point, g in groups.items():
        ax.plot([places[point]] * len(g), [r.metrics[name] for r in g], ".", color=colour, alpha=0.35, markersize=5)
    means = {point: Mean.of([r.metrics[name] for r in g]) for point, g in groups.items()}
    order = sorted(means, key=places.__getitem__)
    ax.errorbar(
        [places[p] for p in order],
        [means[p].mean for p in order],
        yerr=[means[p].ci95 or 0.0 for p in order],
        color=colour,
        label=label,
        linestyle="-" if along is not None else "none",
        marker="o",
        markersize=4,
        capsize=3,
        linewidth=1.4,
    )


def _is_number(v: Any) -> bool:
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def _cycle(n: int) -> list[str]:
    return [CYCLE[i % len(CYCLE)] for i in range(n)]
