"""How few components suffice where there is nothing to find: layers without coordination, and the movement itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mimic_core import Headline, Rollouts, Table
from mimic_latent.components import INTENTION, components, layers_of, rows
from mimic_latent.findings import Components
from mimic_latent.similarity import linear_cka
from mimic_statistics import mean_interval

SHUFFLED, JOINTS, UNTRAINED = "instants shuffled", "joint angles", "untrained network"
KEYS = {SHUFFLED: "instants_shuffled", JOINTS: "joint_angles", UNTRAINED: "untrained"}
"""name → key in the metrics"""
Nulls = Mapping[str, Mapping[str, Components]]
"""null model → layer → its components"""


def find_nulls(rollouts: Rollouts, fresh: Rollouts | None, seed: int) -> Nulls:
    """Return the components of every layer of the null models.

    Args:
        rollouts: of the trained controller.
        fresh: the same movement with the records of its untrained network; None where that is not known.
        seed: of the shuffles.
    """
    rng = np.random.default_rng(seed)
    layers = {name: rows(v, rollouts.n_steps) for name, v in layers_of(rollouts).items()}
    moved = components([q[:n].astype(float) for q, n in zip(rollouts.joint_pos, rollouts.n_steps, strict=True)])
    out: dict[str, Mapping[str, Components]] = {
        SHUFFLED: {name: components([shuffled(np.concatenate(clips), rng)]) for name, clips in layers.items()},
        JOINTS: dict.fromkeys(layers, moved),
    }
    if fresh is not None:
        out[UNTRAINED] = {name: components(rows(v, fresh.n_steps)) for name, v in layers_of(fresh).items()}
    return out


def shuffled(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Permute the instants of every unit (instant, unit) on its own: each keeps its values, none knows another."""
    return rng.permuted(values, axis=0)


def likeness(rollouts: Rollouts, fresh: Rollouts | None) -> dict[str, float]:
    """Linear CKA of every layer with the untrained one at the same inputs; NaN where that is not known."""
    names = layers_of(rollouts)
    if fresh is None:
        return dict.fromkeys(names, float("nan"))
    before = layers_of(fresh)
    return {
        name: linear_cka(*(np.concatenate(rows(v, rollouts.n_steps)) for v in (names[name], before[name])))
        for name in names
    }


def first_three(of: Sequence[Components]) -> float:
    """Mean over rollouts of the share of the variance along three components; NaN for what never changes."""
    shares = np.array([c.share[:3].sum() for c in of])
    known = shares[np.isfinite(shares)]
    return round(float(known.mean()), 9) if known.size else float("nan")  # rounding decides no comparison


def metrics(found: Sequence[Nulls], layer: str) -> dict[str, dict[str, Any]]:
    """Null model → share of three components and participation ratio in one layer."""
    out = {}
    for name, key in KEYS.items():
        of = [f[name][layer] for f in found if name in f]
        if of:
            out[key] = {
                "first_three": first_three(of),
                "participation_ratio": mean_interval([c.participation_ratio for c in of])["mean"],
            }
    return out


def headlines(
    found: Sequence[Mapping[str, Components]], nulls: Sequence[Nulls], names: Sequence[str]
) -> list[Headline]:
    """Three components of the intention, where there is one, and of the layer nearest to the muscles."""
    out = []
    for layer in dict.fromkeys((*(n for n in names if n == INTENTION), names[-1])):
        of = [f[layer] for f in found]
        units = len(of[0].variance)
        note = f"of the {units} dimensions of the intention" if layer == INTENTION else f"of {units} units"
        beside = {n: 100 * first_three([f[n][layer] for f in nulls if n in f]) for n in KEYS if _known(nulls, n)}
        label = f"variance of the {layer}" if layer == INTENTION else f"variance of {layer}"
        value = 100 * first_three(of)
        out.append(
            Headline(
                f"{label} in three components",
                value if np.isfinite(value) else None,
                "%",
                note,
                nulls={n: v if np.isfinite(v) else None for n, v in beside.items()},
                better="higher",
            )
        )
    return out


def _known(nulls: Sequence[Nulls], name: str) -> bool:
    return any(name in f for f in nulls)


def table(
    found: Sequence[Mapping[str, Components]], nulls: Sequence[Nulls], alike: Sequence[Mapping[str, float]]
) -> Table:
    """Share of three components of every layer and of its null models, and what training changed."""
    there = [n for n in KEYS if _known(nulls, n)]
    rows_ = []
    for layer in found[0]:
        of = [100 * first_three([f[n][layer] for f in nulls if n in f]) for n in there]
        cka = mean_interval([a[layer] for a in alike])["mean"]
        last = (cka,) if UNTRAINED in there else ()
        rows_.append((layer, 100 * first_three([f[layer] for f in found]), *of, *last))
    known = UNTRAINED in there
    return Table(
        columns=("layer", "sum of 3 (%)", *(f"{n} (%)" for n in there), *(("CKA to untrained",) if known else ())),
        rows=rows_,
        caption="Share of the variance along the first three principal components, and the same where there is nothing "
        "to find: every unit's instants in an order of their own; the joint angles of the movement"
        + (
            "; the network as it was before training, at the very inputs that the trained one saw. CKA: how alike the "
            "layer is before and after training."
            if known
            else ". The untrained network is left out, as no folder of the training was given."
        ),
    )


def sentence(of: Sequence[Headline]) -> str:
    """Say how much three components hold, and which null model has as few dimensions."""
    each = []
    for h in of:
        if h.value is not None:
            as_few = [f"{n} ({h.nulls[n]:.0f} %)" for n in h.unbeaten]
            rest = f"; so few dimensions has {' and '.join(as_few)} too" if as_few else ""
            each.append(f"Three components hold {h.value:.0f} % of the {h.label.split(' in ')[0]}{rest}.")
    return " ".join(each)
