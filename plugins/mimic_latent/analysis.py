"""Principal components of every layer, and similarity of layers between seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, DataError, Inputs, Result, Rollouts, Table, did_you_mean
from mimic_latent import nulls
from mimic_latent.components import INTENTION, all_components, layers_of, rows
from mimic_latent.findings import Components
from mimic_latent.settings import Settings
from mimic_latent.similarity import linear_cka, procrustes
from mimic_statistics import check_same, labels, mean_interval

SIMILARITIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {"cka": linear_cka, "procrustes": procrustes}


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads any number of rollouts."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_latent import figures
        from mimic_latent.untrained import untrained

        rollouts: tuple[Rollouts, ...] = inputs.all("rollouts")
        first = rollouts[0]
        names = _layer_names(rollouts)
        shown = _shown(settings, names)
        joint = _joint(settings, first)
        found = [all_components(r) for r in rollouts]
        folders = inputs.all("training") if settings.untrained else ()
        fresh = untrained(folders, rollouts, context.plugins)
        beside = [nulls.find_nulls(r, f, settings.seed) for r, f in zip(rollouts, fresh, strict=True)]
        alike = [nulls.likeness(r, f) for r, f in zip(rollouts, fresh, strict=True)]
        who = labels(rollouts)
        metrics: dict[str, Any] = {"rollouts": len(rollouts), "clips": len(first.clip_names), "joint": joint}
        summaries = {
            n: _summary([f[n] for f in found], settings.components)
            | {"nulls": nulls.metrics(beside, n)}
            | ({} if None in fresh else {"cka_to_untrained": mean_interval([a[n] for a in alike])["mean"]})
            for n in names
        }
        if INTENTION in names:
            metrics[INTENTION] = summaries.pop(INTENTION)
        metrics["layers"] = summaries
        tables = {"variance": _variance_table(found, names, who), "nulls": nulls.table(found, beside, alike)}
        drawn = {
            "nulls": figures.beside_nulls(found, beside, names),
            "variance": figures.variance(found, names),
            "trajectories": figures.trajectories(first, found[0], shown, joint),
        }
        which = f" of {who[0]}" if len(rollouts) > 1 else ""
        captions = {
            "nulls": f"Share of the variance along three principal components of every layer{which or ''}, beside null "
            "models. " + tables["nulls"].caption,
            "variance": "Variance that the first principal components of each layer hold together"
            + (f", mean over {len(rollouts)} rollouts (bands: smallest to largest)." if which else "."),
            "trajectories": f"First three principal components{which}, one line for each clip, coloured by the angle "
            f"of {joint}. The share of the variance along each is given at its axis.",
        }
        common: tuple[str, ...] = ()
        if len(rollouts) > 1:
            common = _common_clips(rollouts)
            found_alike, chance = similarities(rollouts, names, common, settings.seed)
            metrics["similarity"] = _similarity_metrics(found_alike, chance)
            tables["similarity"] = _similarity_table(metrics["similarity"])
            drawn["similarity"] = figures.similarity(found_alike, names, who)
            captions["similarity"] = (
                "How alike each layer is between rollouts, at the same instants of the same clips: linear CKA (above) "
                "and orthogonal Procrustes similarity (below); 1 means equal up to a rotation and a scale."
            )
        metrics["settings"] = attrs.asdict(settings)
        return Result(
            headlines=(headlines := nulls.headlines(found, beside, names)),
            sentence=nulls.sentence(headlines),
            metrics=metrics,
            tables=tables,
            figures=drawn,
            captions=captions,
            methods=_methods(rollouts, common, settings, None not in fresh),
        )

    return analyse


def _layer_names(rollouts: Sequence[Rollouts]) -> tuple[str, ...]:
    names = tuple(layers_of(rollouts[0]))
    if not names:
        raise DataError(
            "rollouts: hold neither intention nor layers of a network; roll out a policy that tells them, e.g. "
            "bottleneck_apg"
        )
    for i, r in enumerate(rollouts[1:], 2):
        if tuple(layers_of(r)) != names:
            raise DataError(
                f"rollouts {i}: its layers are {', '.join(layers_of(r)) or 'none'}, those of the first are "
                f"{', '.join(names)}; compare networks of one shape"
            )
    return names


def _shown(settings: Settings, names: tuple[str, ...]) -> tuple[str, ...]:
    for name in settings.show:
        if name not in names:
            raise ConfigError(f"analyze.latent.show: no layer {name!r}{did_you_mean(name, names)}")
    some = tuple(n for n in names if n == INTENTION or n.startswith("decoder"))
    return settings.show or some or names


def _joint(settings: Settings, rollouts: Rollouts) -> str:
    """The joint that was asked for, or the one that moves through the largest range."""
    names = rollouts.joint_names
    if settings.joint:
        if settings.joint not in names:
            raise ConfigError(f"analyze.latent.joint: no joint {settings.joint!r}{did_you_mean(settings.joint, names)}")
        return settings.joint
    return max(names, key=lambda n: np.nanmax(rollouts.of("joint_pos", n)) - np.nanmin(rollouts.of("joint_pos", n)))


def _summary(of: list[Components], n: int) -> dict[str, Any]:
    """Mean over rollouts of one layer's numbers, and the interval of the first three components together."""
    explained = np.mean([_first(c.share, n) for c in of], axis=0)
    return {
        "explained": [float(v) for v in explained],
        "first_three": mean_interval([c.share[:3].sum() for c in of]),
        "participation_ratio": mean_interval([c.participation_ratio for c in of]),
        "components_90": mean_interval([c.needed(0.9) for c in of]),
        "components_95": mean_interval([c.needed(0.95) for c in of]),
        "units": len(of[0].variance),
    }


def _first(share: np.ndarray, n: int) -> np.ndarray:
    """The first n shares; a layer of fewer units has nothing beyond them."""
    return np.concatenate([share[:n], np.zeros(max(0, n - len(share)))])


def _variance_table(found: list, names: tuple[str, ...], who: tuple[str, ...]) -> Table:
    several = len(found) > 1
    rows_ = []
    for name in names:
        for label, f in zip(who, found, strict=True):
            of = f[name]
            three = 100 * _first(of.share, 3)
            values = (*three, three.sum(), of.participation_ratio, of.needed(0.9), of.needed(0.95))
            rows_.append((name, *((label,) if several else ()), *values))
    return Table(
        columns=(
            *("layer", *(("rollouts",) if several else ())),
            *("PC1 (%)", "PC2 (%)", "PC3 (%)", "sum (%)", "partic. ratio", "for 90 %", "for 95 %"),
        ),
        rows=rows_,
        caption="Share of the variance along the first three principal components, pooled over clips and time, and "
        "their sum; participation ratio; how many components hold 90 and 95 % of the variance.",
    )


def _common_clips(rollouts: Sequence[Rollouts]) -> tuple[str, ...]:
    """Names of the clips that all have, checked to be as long in all.

    Raises:
        DataError: there is none, one differs in length, or the control rates differ.
    """
    check_same(rollouts, "rate_hz")
    common = tuple(n for n in rollouts[0].clip_names if all(n in r.clip_names for r in rollouts[1:]))
    if not common:
        raise DataError(
            "rollouts: no clip is in all of them, so their layers cannot be compared; roll out one clip set"
        )
    for name in common:
        steps = {int(r.n_steps[r.clip_names.index(name)]) for r in rollouts}
        if len(steps) > 1:
            raise DataError(
                f"rollouts: clip {name} has {' and '.join(map(str, sorted(steps)))} steps; roll out the same clips"
            )
    return common


def similarities(
    rollouts: Sequence[Rollouts], names: tuple[str, ...], common: tuple[str, ...], seed: int
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, float]]]:
    """Similarity of every layer between all pairs of rollouts.

    Returns:
        measure → layer → (rollouts, rollouts), 1 on the diagonal; and measure → layer → mean over pairs by chance: the
        same with every clip of one put beside another clip of the other; NaN with one common clip, which has no other.
    """
    order = np.random.default_rng(seed).permutation(len(common))
    n = len(rollouts)
    found: dict[str, dict[str, np.ndarray]] = {m: {} for m in SIMILARITIES}
    chance: dict[str, dict[str, float]] = {m: {} for m in SIMILARITIES}
    for name in names:
        clips = [_clips(r, name, common) for r in rollouts]
        for measure, alike in SIMILARITIES.items():
            matrix, by_chance = np.eye(n), []
            for i in range(n):
                for j in range(i):
                    matrix[i, j] = matrix[j, i] = alike(*map(np.concatenate, (clips[i], clips[j])))
                    if len(common) > 1:
                        by_chance.append(alike(*_other_clips(clips[i], clips[j], order)))
            found[measure][name] = matrix
            chance[measure][name] = float(np.mean(by_chance)) if by_chance else float("nan")
    return found, chance


def _clips(rollouts: Rollouts, layer: str, common: tuple[str, ...]) -> list[np.ndarray]:
    index = [rollouts.clip_names.index(n) for n in common]
    return rows(layers_of(rollouts)[layer][index], rollouts.n_steps[index])


def _other_clips(a: list[np.ndarray], b: list[np.ndarray], order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Put the clips of a beside other clips of b (each beside the next in a random order), as long as both last."""
    pairs = [(a[i], b[j]) for i, j in zip(order, np.roll(order, 1), strict=True)]
    cut = [(x[: min(len(x), len(y))], y[: min(len(x), len(y))]) for x, y in pairs]
    return np.concatenate([x for x, _ in cut]), np.concatenate([y for _, y in cut])


def _pairs(matrix: np.ndarray) -> np.ndarray:
    return matrix[np.tril_indices(len(matrix), -1)]


def _similarity_metrics(found: dict, chance: dict) -> dict[str, Any]:
    return {
        measure: {
            name: {
                "mean": float(_pairs(matrix).mean()),
                "lowest": float(_pairs(matrix).min()),
                "chance": chance[measure][name],
            }
            for name, matrix in of.items()
        }
        for measure, of in found.items()
    }


def _similarity_table(metrics: dict[str, Any]) -> Table:
    columns = [f"{what}{k}" for what in ("CKA", "Procr.") for k in ("", " lowest", " chance")]
    return Table(
        columns=("layer", *columns),
        rows=[
            (name, *(v for of in metrics.values() for v in of[name].values())) for name in next(iter(metrics.values()))
        ],
        caption="Similarity of each layer between rollouts at the same instants of the same clips (linear CKA, "
        "orthogonal Procrustes): mean over pairs and lowest. Chance: every clip is put beside another clip, which "
        "tells how much the repetition of one movement explains (nan: there is one clip only).",
    )


def _methods(rollouts: Sequence[Rollouts], common: tuple[str, ...], settings: Settings, untrained: bool) -> str:
    r = rollouts[0]
    text = (
        "Principal components (scikit-learn) were found for the mean of the intention and for the activations of every "
        "hidden layer that the policy reports, of which the built-in ones do so after the nonlinearity (swish) and, "
        f"with a recurrent layer, for its output. Rows were pooled over {len(r.clip_names)} clips and time "
        f"({r.rate_hz:g} Hz); units were centred and not scaled, as in Leonardis et al. (2025). The "
        "participation ratio is (Σλ)²/Σλ² of the variances λ along all components. A decision is made from the state "
        "one control step before, whose joint angle colours the trajectories. Null models are every unit's instants in "
        f"an order of their own (seed {settings.seed}) and the joint angles of the movement, centred and not scaled."
    )
    if untrained:
        text += (
            " The network as it was before training (the run's own seed) got the same observations: it was recorded "
            "while the trained one moved the body."
        )
    if len(rollouts) == 1:
        return text
    return text + (
        f" {len(rollouts)} rollouts were compared pair by pair on the {len(common)} clips that all have, at the same "
        "instants, with linear centred kernel alignment (Kornblith et al. 2019) and orthogonal Procrustes similarity "
        "(Williams et al. 2021; scipy). The chance level puts every clip of one beside another clip of the other "
        f"(random order of seed {settings.seed}); one clip alone has none. Means over rollouts are given "
        "with 95 % confidence intervals from Student's t."
    )
