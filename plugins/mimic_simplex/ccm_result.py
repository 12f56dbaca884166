"""Tables, figures and words of convergent cross mapping."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import Headline, Result, Table
from mimic_simplex import map_figures
from mimic_simplex.findings import FEWEST_SIZES, SIGNIFICANT, CrossMap, discoveries
from mimic_simplex.settings import CCMSettings
from mimic_simplex.texts import ccm_methods, title

_TOO_FEW = (
    f"With fewer than {FEWEST_SIZES} library sizes convergence is undecided, as Kendall's p cannot fall below "
    f"{SIGNIFICANT}."
)
_ANSWERS = {True: "yes", False: "no", None: "undecided"}


def _numbers(m: CrossMap, q: float, beyond: bool | None) -> dict[str, Any]:
    (gain, low, high), (tau, p) = m.gain, m.trend
    partial, partial_low, partial_high = m.given_third
    return {
        "rho": m.largest,
        "rho_smallest": float(m.rho[0].mean()),
        "gain": gain,
        "gain_low": low,
        "gain_high": high,
        "kendall_tau": tau,
        "kendall_p": p,
        "surrogate": float(m.surrogate.mean()),
        "surrogate_95": float(np.quantile(m.surrogate, 0.95)),
        "drive": float(m.drive.mean()),
        "drive_95": float(np.quantile(m.drive, 0.95)),
        "p": m.p,
        "q": q,
        "partial": partial,
        "partial_low": partial_low,
        "partial_high": partial_high,
        "converges": m.converges,
        "beyond_repetition": m.beyond_repetition,
        "beyond_drive": beyond,
    }


def result_of(
    pairs: Sequence[tuple[str, str]],
    found: dict[tuple[str, str], CrossMap],
    n_clips: int,
    settings: CCMSettings,
    origin: dict[str, bool],
) -> Result:
    """Put the mappings into tables, figures and words; ``origin`` goes to the metrics."""
    maps = list(found.values())
    q, beyond = discoveries(maps, settings.false_discoveries)
    metrics = {
        f"{title(m.mapped)} from {title(m.library)}": _numbers(m, float(x), b)
        for m, x, b in zip(maps, q, beyond, strict=True)
    }
    sizes = sorted({m.sizes for m in maps})
    headlines, sentence = _in_short(maps, beyond, settings)
    return Result(
        headlines=headlines,
        sentence=sentence,
        metrics={
            **metrics,
            "settings": {
                **attrs.asdict(settings),
                "pairs": [" ".join(p) for p in pairs],
                "library_trials": [list(s) for s in sizes],
            },
            **origin,
        },
        tables={
            "ccm": _table(maps, list(metrics.values()), settings),
            "partial": _partial(maps, n_clips, settings),
            "convergence": _curve(maps, settings),
        },
        figures={"convergence": map_figures.convergence(pairs, found)},
        captions={
            "convergence": f"Spearman's rho of cross mapping over library size: mean and 95 % range of "
            f"{settings.draws} random libraries. Marks at the largest library, mean and 95th percentile: open, other "
            "trials at the same time, which is what the repetition of one movement explains; filled, the surrogate "
            "that keeps what a shared drive of each trial may explain. A curve that ends within them predicts no more "
            "than that."
        },
        methods=f"{ccm_methods(found, n_clips, settings)} {_TOO_FEW}",
    )


def _table(maps: list[CrossMap], numbers: list[dict[str, Any]], settings: CCMSettings) -> Table:
    return Table(
        columns=(
            "mapped",
            "from",
            "rho",
            "other trial",
            "shared drive",
            "q",
            "converges",
            "beyond repetition",
            "beyond drive",
        ),
        rows=[
            (
                title(m.mapped),
                title(m.library),
                *(x[key] for key in ("rho", "surrogate_95", "drive_95", "q")),
                *(_ANSWERS[x[key]] for key in ("converges", "beyond_repetition", "beyond_drive")),
            )
            for m, x in zip(maps, numbers, strict=True)
        ],
        caption="Cross mapping at the largest library: how well 'mapped' is predicted from 'from'. Beside it the 95th "
        "percentiles of two surrogates. Other trial: what the repetition of one movement explains. Shared drive: what "
        "a drive that both follow, another in each trial, may explain. 'Beyond drive' asks for convergence, for more "
        f"than repetition, and for a q of at most {settings.false_discoveries:g}; q is the p value against a shared "
        f"drive, controlled for false discoveries over all {len(maps)} mappings. {_TOO_FEW}",
    )


def _partial(maps: list[CrossMap], n_clips: int, settings: CCMSettings) -> Table:
    third = ", ".join(map(title, settings.given)) or "two principal components of all other joints and muscles"
    return Table(
        columns=("mapped", "from", "partial rho", "95 % low", "95 % high"),
        rows=[(title(m.mapped), title(m.library), *m.given_third) for m in maps],
        caption=f"Partial cross mapping: what 'from' tells of 'mapped' that {third} do not. Mean over the {n_clips} "
        "trials with its 95 % interval (t over trials), which says nothing of other animals or days. Third series that "
        "tell of a shared drive only in part leave the rest of it here, so an interval above 0 is not enough to say "
        "that two variables are coupled.",
    )


def _curve(maps: list[CrossMap], settings: CCMSettings) -> Table:
    return Table(
        columns=("mapped", "from", "library (clips)", "Spearman rho (mean)", "rho (SD over draws)"),
        rows=[
            (title(m.mapped), title(m.library), size, float(rho.mean()), float(rho.std(ddof=1)))
            for m in maps
            for size, rho in zip(m.sizes, m.rho, strict=True)
        ],
        caption=f"Cross mapping over library size, {settings.draws} random libraries each.",
    )


def _in_short(maps: list[CrossMap], beyond: list[bool | None], settings: CCMSettings) -> tuple[list[Headline], str]:
    """Mean rho beside both surrogates, and how many mappings go beyond them."""
    n = len(maps)
    headline = Headline(
        "cross mapping ρ",
        float(np.mean([m.largest for m in maps])),
        note=f"largest library, mean over {n} mappings",
        nulls={
            "other trial": float(np.mean([m.surrogate.mean() for m in maps])),
            "shared drive kept": float(np.mean([m.drive.mean() for m in maps])),
        },
        better="higher",
    )
    repeated, driven = sum(m.beyond_repetition for m in maps), sum(b is True for b in beyond)
    undecided = sum(b is None for b in beyond)
    sentence = (
        f"Of {n} cross mappings {repeated} predict beyond what the repetition of one movement explains, and {driven} "
        f"beyond what a drive shared within each trial may explain (at most {100 * settings.false_discoveries:g} % "
        f"false ones){f'; {undecided} are undecided' if undecided else ''}. Cross mapping shows that one signal "
        "predicts another, not that it acts on it."
    )
    return [headline], sentence
