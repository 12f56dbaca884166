"""Perturbations that differ in one number: the response to a dose."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
from matplotlib.figure import Figure

from mimic_core import Table
from mimic_drawing import BLACK, CYCLE
from mimic_perturb.findings import Response
from mimic_statistics import half_width

LEAST = 3
"""Doses that make a curve."""


@attrs.frozen(eq=False)
class Curve:
    """Perturbations of one kind that differ in one setting.

    Attributes:
        name: of the perturbation, and the settings that are not the usual ones, in words.
        setting: the one that differs.
        doses: (dose,) its values, rising.
        error_mm: (dose, clip) mean distance from the undisturbed course, from the onset to the clip's end.
    """

    name: str
    setting: str
    doses: np.ndarray
    error_mm: np.ndarray


def curves(found: Sequence[Response]) -> list[Curve]:
    """Find the sets of perturbations that differ in one numeric setting, of at least three values.

    A perturbation is in one curve at most: in that of the setting with the most values.
    """
    out: list[Curve] = []
    left = list(found)
    while True:
        best: tuple[str, list[Response]] = ("", [])
        for r in left:
            for key, value in r.perturbation.settings.items():
                if isinstance(value, bool) or not isinstance(value, (int, float)) or key == "seed":
                    continue
                alike = {float(o.perturbation.settings[key]): o for o in left if _same_but(o, r, key)}
                if len(alike) > len(best[1]):
                    best = key, [alike[v] for v in sorted(alike)]
        key, members = best
        if len(members) < LEAST:
            return out
        left = [r for r in left if all(r is not m for m in members)]
        settings = members[0].perturbation.settings
        words = [str(v if isinstance(v, str) else ", ".join(v)) for v in settings.values() if v and _is_names(v)]
        out.append(
            Curve(
                " ".join([members[0].perturbation.name, *words]),
                key,
                np.array([float(m.perturbation.settings[key]) for m in members]),
                np.array([_mean_deviation(m) for m in members]),
            )
        )


def _is_names(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value))


def _same_but(a: Response, b: Response, key: str) -> bool:
    """Whether two perturbations are the same but for one number."""
    one, other = (dict(r.perturbation.settings) for r in (a, b))
    value = one.pop(key, None)
    other.pop(key, None)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and a.perturbation.name == b.perturbation.name and one == other


def _mean_deviation(r: Response) -> np.ndarray:
    """(clip,) mm, NaN for a clip that was left alone."""
    steps = np.arange(r.deviation_mm.shape[1]) / r.rate_hz
    after = steps >= r.onset[:, None] - 1e-9
    d = np.where(after & np.isfinite(r.deviation_mm), r.deviation_mm, 0.0)
    n = (after & np.isfinite(r.deviation_mm)).sum(axis=1)
    return np.where(n > 0, d.sum(axis=1) / np.maximum(n, 1), np.nan)


def figure(of: Sequence[Curve], between_mm: float) -> Figure:
    """Mean deviation against the dose, a panel for each setting that differs."""
    settings = list(dict.fromkeys(c.setting for c in of))
    made = Figure(figsize=(3.4 * len(settings) + 1.4, 3.4))
    axes = made.subplots(1, len(settings), squeeze=False)[0]
    for ax, setting in zip(axes, settings, strict=True):
        for i, c in enumerate(c for c in of if c.setting == setting):
            known = c.error_mm[:, np.isfinite(c.error_mm).all(axis=0)]
            half = half_width(known.T)
            colour = CYCLE[i % len(CYCLE)]
            ax.errorbar(c.doses, known.mean(axis=1), half, color=colour, marker="o", capsize=2, label=c.name)
        ax.axhline(between_mm, color=BLACK, linewidth=0.9, linestyle=":", label="clips from the mean of all")
        ax.set_xlabel(setting)
        ax.set_ylim(bottom=0)
        ax.legend(loc="best", fontsize=7)
    axes[0].set_ylabel("mean deviation (mm)")
    return made


def table(of: Sequence[Curve], between_mm: float) -> Table:
    """The figure's numbers."""
    rows = []
    for c in of:
        known = c.error_mm[:, np.isfinite(c.error_mm).all(axis=0)]
        half = half_width(known.T)
        rows += [
            (c.name, c.setting, float(dose), float(mean), float(h), between_mm)
            for dose, mean, h in zip(c.doses, known.mean(axis=1), half, strict=True)
        ]
    return Table(
        columns=("perturbation", "setting", "dose", "mean deviation (mm)", "± (95 %)", "clips from the mean of all"),
        rows=rows,
        caption="Mean distance from the undisturbed course after the onset, by dose; ± is half a 95 % interval over "
        "clips.",
    )
