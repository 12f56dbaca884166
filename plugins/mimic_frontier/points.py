"""Runs of a sweep put together: a point for every combination of settings, a line for all that share the others."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from mimic_core import ConfigError, DataError, did_you_mean
from mimic_frontier.findings import Point
from mimic_frontier.settings import Settings


def metrics_found(sweep: Any, settings: Settings) -> tuple[list[str], list[str]]:
    """The wanted metrics that the sweep has, and those that it lacks.

    Args:
        sweep: what `Inputs` holds of kind ``sweep``: its folder ``directory``, and its finished trainings ``rows``.

    Raises:
        DataError: it has none of them.
    """
    wanted = [settings.reward, settings.high_frequency, *settings.emg]
    known = {name for row in sweep.rows for name in row.metrics}
    found = [m for m in wanted if m in known]
    if not found:
        raise DataError(
            f"{sweep.directory / 'results.csv'}: has none of {', '.join(wanted)}{did_you_mean(wanted[0], known)}; "
            "name its columns with --set reward=COLUMN, or sweep again with [rollout], [analyze.spectral] and "
            "[analyze.emg]"
        )
    return found, [m for m in wanted if m not in known]


def points_of(sweep: Any, metrics: Sequence[str], cost: str) -> list[Point]:
    """All points, by line and then by cost. What is not finite is missing.

    Raises:
        ConfigError: the setting is not in the grid, or is no number.
    """
    paths = list(sweep.rows[0].values)
    numeric = [p for p in paths if all(_is_number(r.values[p]) for r in sweep.rows)]
    if cost not in numeric:
        raise ConfigError(
            f"analyze.frontier.cost: {cost!r} is no setting of this sweep's grid with numbers as values; "
            f"it has {', '.join(numeric) or 'none'}{did_you_mean(cost, numeric)}"
        )
    found: dict[tuple[str, float], Point] = {}
    for row in sweep.rows:
        others = ", ".join(f"{short(p)} {_text(row.values[p])}" for p in paths if p != cost)
        key = others, float(row.values[cost])
        point = found.setdefault(key, Point(*key, {m: {} for m in metrics}))
        for m in metrics:
            if math.isfinite(row.metrics.get(m, math.nan)):
                point.by_seed[m][row.seed] = row.metrics[m]
    lines = list(dict.fromkeys(line for line, _ in found))
    return sorted(found.values(), key=lambda p: (lines.index(p.line), p.cost))


def lines_of(points: Sequence[Point]) -> dict[str, list[Point]]:
    """Line → its points, by cost."""
    out: dict[str, list[Point]] = {}
    for point in points:
        out.setdefault(point.line, []).append(point)
    return out


def front(points: Sequence[Point], reward: str, costs: Sequence[str]) -> list[bool]:
    """Whether no other point is as good in every metric and better in one (Pareto), by means over seeds.

    ``reward`` should be high, ``costs`` low; metrics that a point lacks are left out for all.
    """
    signs = {m: (-1.0 if m == reward else 1.0) for m in (reward, *costs)}
    used = [m for m in signs if all(p.mean(m) for p in points)]
    losses = [[signs[m] * p.mean(m).mean for m in used] for p in points]
    return [not any(_dominates(b, a) for b in losses) for a in losses]


def _dominates(b: Sequence[float], a: Sequence[float]) -> bool:
    pairs = list(zip(b, a, strict=True))
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def short(path: str) -> str:
    """``rewards.energy.weight`` is ``energy.weight``."""
    return path.partition(".")[2] or path


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
