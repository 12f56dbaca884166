"""The same energies in bodies whose muscles differ: error bars for muscles that nobody measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import Plugins, Rollouts, Table
from mimic_energetics.energy import compiled, metabolic, muscle_work
from mimic_energetics.settings import Settings
from mimic_sensitivity import ALL, PARAMETERS, Sensitivity, Spread
from mimic_statistics import mean_and_sem

QUANTITIES = {"positive": "positive work", "negative": "negative work", "metabolic": "metabolic energy"}


@attrs.frozen(eq=False)
class Varied:
    """Energies in altered bodies, all in J and W.

    Attributes:
        said: what an error bar is, in words.
        by_muscle: parameter → quantity → spread over bodies (muscle,) of the mean over reaches.
        total: parameter → quantity → spread of all muscles together.
        power: quantity (``mechanical``, ``metabolic``) → spread (step,) of the mean power of all muscles, all
            parameters at once; empty without these.
    """

    said: str
    by_muscle: Mapping[str, Mapping[str, Spread]]
    total: Mapping[str, Mapping[str, Spread]]
    power: Mapping[str, Spread]

    def bar(self, quantity: str) -> Spread | None:
        """Spread (muscle,) with all parameters varied at once; None where they were not."""
        return self.by_muscle.get(ALL, {}).get(quantity)


@attrs.frozen(eq=False)
class _Energies:
    """Of one body: quantity → (muscle,) J, mean over reaches; and the mean course of both powers, (step,) W."""

    of: Mapping[str, np.ndarray]
    power: Mapping[str, np.ndarray]


def vary(sensitivity: Sensitivity, rollouts: Sequence[Rollouts], settings: Settings, plugins: Plugins) -> Varied:
    """Find the energies in every body of the sensitivity, with the muscles of that body.

    Args:
        rollouts: among them those of the same controller.
    """
    own = sensitivity.controller_among(rollouts)
    models = sensitivity.models(compiled(own, plugins))
    found = []
    for r, model in zip(sensitivity.rollouts(own), models, strict=True):
        work, heat = muscle_work(r), metabolic(r, model, settings.constants)
        found.append(
            _Energies(
                {
                    "positive": work.positive.mean(axis=0),
                    "negative": work.negative.mean(axis=0),
                    "metabolic": np.nansum(heat, axis=1).mean(axis=0) / r.rate_hz,
                },
                {k: mean_and_sem(p.sum(axis=2))[0] for k, p in (("mechanical", work.power), ("metabolic", heat))},
            )
        )

    def spreads(of: Callable[[np.ndarray], Any]) -> dict[str, dict[str, Spread]]:
        each = {q: sensitivity.spread_of(lambda b, q=q: of(found[b].of[q])) for q in QUANTITIES}
        return {p: {q: each[q][p] for q in QUANTITIES} for p in sensitivity.parameters}

    power = {}
    if ALL in sensitivity.parameters:
        places = sensitivity.places(ALL)
        for k, unchanged in found[0].power.items():
            power[k] = Spread.of([found[b].power[k] for b in places], unchanged)
    return Varied(sensitivity.said, spreads(lambda a: a), spreads(np.sum), power)


def metrics(varied: Varied, names: Sequence[str]) -> dict[str, Any]:
    """Parameter → quantity → numbers in µJ, of all muscles and of each."""
    return {
        p: {
            f"{q}_uJ": _micro(s).numbers
            | {"muscles": {n: _micro(varied.by_muscle[p][q], i).numbers for i, n in enumerate(names)}}
            for q, s in of.items()
        }
        for p, of in varied.total.items()
    }


def _micro(s: Spread, at: Any = ()) -> Spread:
    return Spread(*(1e6 * np.asarray(x)[at] for x in (s.unchanged, s.mean, s.sd)))


def table(varied: Varied) -> Table:
    """Energies of all muscles by what is varied."""
    return Table(
        columns=("varied", "quantity", "unchanged (µJ)", "mean (µJ)", "SD (µJ)"),
        rows=[
            (PARAMETERS[p], QUANTITIES[q], *_micro(s).numbers.values())
            for p, of in varied.total.items()
            for q, s in of.items()
        ],
        caption="Energies of a reach, all muscles, with the same controller in the body as it is (unchanged), and "
        f"{varied.said}, or in one of these alone; over the clips of the sensitivity.",
    )


def note(varied: Varied | None, quantity: str) -> str:
    """What a headline says of its error bar; empty without one."""
    if varied is None or ALL not in varied.total:
        return ""
    s = _micro(varied.total[ALL][quantity])
    return f"; {s.mean:.4g} ± {s.sd:.3g} in bodies with other muscles"
