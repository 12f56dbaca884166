"""Where a frontier bends: the point from which more smoothness begins to cost more reward."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mimic_frontier.findings import Knee, Point
from mimic_statistics import Mean


def find_knee(line: Sequence[Point], reward: str, high_frequency: str, least: float) -> Knee:
    """Find the knee of a line of points that differ in cost alone.

    Both metrics are put on 0 to 1 between the ends of the line, the points of least and of greatest cost; the bend is
    the height of a point's reward over the chord between them (Kneedle's difference curve, Satopää et al. 2011,
    doi:10.1109/ICDCSW.2011.20). Every seed gives a bend, measured with the scales of the mean.
    """
    name = line[0].line
    usable = [p for p in line if p.mean(reward) and p.mean(high_frequency)]

    def none(why: str) -> Knee:
        return Knee(name, None, None, (), False, why)

    if len(usable) < 3:
        return none(f"No knee: a bend needs 3 values of the cost, and {len(usable)} have reward and high frequencies.")
    r = np.array([p.mean(reward).mean for p in usable])
    h = np.array([p.mean(high_frequency).mean for p in usable])
    if h[0] <= h[-1] or r[0] <= r[-1]:
        what = "high frequencies" if h[0] <= h[-1] else "reward"
        return none(f"No knee: {what} do not fall from the least to the greatest cost, so that nothing is traded.")
    bends = [Mean.of(b) for b in bends_of(usable, reward, high_frequency)]
    best = max(range(1, len(usable) - 1), key=lambda i: bends[i].mean)
    bend = bends[best]
    low = bend.mean - (bend.ci95 or 0.0)
    inner = list(zip(usable, bends, strict=True))[1:-1]
    alike = tuple(p.cost for p, b in inner if b.mean + (b.ci95 or 0.0) >= low)
    clear = bend.mean >= least and low > 0
    return Knee(name, usable[best], bend, alike, clear, _reason(usable[best], bend, r, h, best, least, low))


def bends_of(line: Sequence[Point], reward: str, high_frequency: str) -> list[list[float]]:
    """Height over the chord of every point that has both metrics, for every seed, between the ends of the line."""
    usable = [p for p in line if p.mean(reward) and p.mean(high_frequency)]
    r = np.array([p.mean(reward).mean for p in usable])
    h = np.array([p.mean(high_frequency).mean for p in usable])
    return [_bends(p, r, h, reward, high_frequency) for p in usable]


def _bends(point: Point, r: np.ndarray, h: np.ndarray, reward: str, high_frequency: str) -> list[float]:
    """Height over the chord for every seed that has both metrics; the mean's if none has."""
    rewards, highs = point.by_seed[reward], point.by_seed[high_frequency]
    seeds = [s for s in rewards if s in highs]
    pairs = [(rewards[s], highs[s]) for s in seeds] or [(point.mean(reward).mean, point.mean(high_frequency).mean)]
    return [(a - r[-1]) / (r[0] - r[-1]) - (b - h[-1]) / (h[0] - h[-1]) for a, b in pairs]


def _reason(point: Point, bend: Mean, r: np.ndarray, h: np.ndarray, i: int, least: float, low: float) -> str:
    gained, paid = 100 * (h[0] - h[i]) / (h[0] - h[-1]), 100 * (r[0] - r[i]) / (r[0] - r[-1])
    trade = (
        f"At cost {point.cost:g} high frequencies have come down by {gained:.0f} % of what the whole range of costs "
        f"brings, {f'for {paid:.0f} % of the reward that it takes' if paid >= 0.5 else 'at no loss of reward'}"
    )
    if bend.mean < least:
        return f"No clear knee: the line is nearly straight (bend {bend.mean:.2f}, {least:g} wanted). {trade}."
    if bend.ci95 is None:
        return f"{trade}; one seed alone cannot say how sure that is."
    if low <= 0:
        return f"No clear knee: between seeds the bend of {bend.mean:.2f} may be none (± {bend.ci95:.2f}). {trade}."
    return f"{trade}; beyond it the exchange gets worse."
