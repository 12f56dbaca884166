"""How many synergies muscles need, which ones, and whether seeds find the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from mimic_core import ConfigError, Context, DataError, Headline, Inputs, Result, Rollouts, Table
from mimic_statistics import check_same, labels, mean_interval
from mimic_synergies.factors import chance, factorise, held_out_vaf, match
from mimic_synergies.findings import Curve, Synergies, fewest
from mimic_synergies.nulls import KEYS, NOISE, NULLS, TIME, TRIALS
from mimic_synergies.settings import Settings


def activity(rollouts: Rollouts, settings: Settings) -> list[np.ndarray]:
    """(instant, muscle) activity of every clip, divided by each muscle's largest value if so set.

    Raises:
        DataError: the body has no muscles, or none is ever active.
    """
    if not rollouts.muscle_names:
        raise DataError(
            "rollouts: their body is not driven by muscles, so there are no synergies; use actuation 'hill'"
        )
    signal = np.stack([rollouts.of(settings.signal, m) for m in rollouts.muscle_names], axis=-1).astype(float)
    if not np.nanmax(signal) > 0:
        raise DataError(f"rollouts: the {settings.signal} of every muscle is 0 throughout; train the policy first")
    if settings.normalise == "peak":
        peak = np.nanmax(signal, axis=(0, 1))
        signal = signal / np.where(peak > 0, peak, 1.0)
    clips = [clip[:n] for clip, n in zip(signal, rollouts.n_steps, strict=True)]
    # what is applied during a step has no value at the start
    return [c[np.isfinite(c).all(axis=-1)] for c in clips]


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads any number of rollouts."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from mimic_synergies import figures

        rollouts: tuple[Rollouts, ...] = inputs.all("rollouts")
        for field in ("muscle_names", "rate_hz"):
            check_same(rollouts, field)
        muscles, who = rollouts[0].muscle_names, labels(rollouts)
        most = min(settings.most or len(muscles), len(muscles))
        if settings.synergies > most:
            raise ConfigError(
                f"analyze.synergies.synergies: {settings.synergies} are more than the {most} that are tried for "
                f"{len(muscles)} muscles; ask for fewer"
            )
        done = iter(range(1, len(rollouts) * most + 1))

        def another_done() -> None:
            context.progress(next(done), len(rollouts) * most, {})

        clips = [activity(r, settings) for r in rollouts]
        curves = [_curve(c, r.split, most, settings, another_done) for c, r in zip(clips, rollouts, strict=True)]
        needed = [c.needed(settings.vaf) for c in curves]
        n = settings.synergies or (most if None in needed else max(needed))
        chosen = _aligned([c.fits[n - 1] for c in curves])
        metrics: dict[str, Any] = {
            "synergies": {"mean": None} if None in needed else mean_interval(needed),
            "shown": n,
            **_vaf_metrics(curves, n, settings),
            "weights": {
                f"synergy_{k + 1}": {
                    m: float(np.mean([s.weights[k, i] for s in chosen])) for i, m in enumerate(muscles)
                }
                for k in range(n)
            },
        }
        short = _short(curves, settings.vaf)
        tables = {"vaf": _vaf_table(curves, short), "weights": _weights_table(chosen, muscles)}
        reached = f"Dotted: {100 * settings.vaf:g} %; vertical: the {n} synergies that the other figures show.{short}"
        drawn = {
            "vaf": figures.vaf(curves, settings.vaf, n),
            "weights": figures.weights(chosen, muscles, who),
            "time_courses": figures.time_courses(_by_clip(chosen[0], clips[0]), rollouts[0].rate_hz),
        }
        of_first = f" of {who[0]}" if len(rollouts) > 1 else ""
        captions = {
            "vaf": "Uncentred variance accounted for by the synergies, and by those of muscles without coordination: "
            f"{_nulls_in_words()}. {reached}",
            "weights": "Weight of every muscle in every synergy"
            + (", mean over rollouts (dots: each of them, matched to the first)." if of_first else "."),
            "time_courses": f"How strongly every synergy{of_first} is active, mean ± SD over clips.",
        }
        if len(rollouts) > 1:
            metrics["match"], tables["match"], cosines = _matches(chosen, who, settings)
            drawn["match"] = figures.matches(cosines, who)
            captions["match"] = (
                "Mean cosine between the synergies of two rollouts, matched one to one; 1 means the same synergies."
            )
        metrics["settings"] = attrs.asdict(settings)
        return Result(
            headlines=_headlines(metrics, curves, settings, len(muscles)),
            sentence=_sentence(metrics, curves, settings),
            metrics=metrics,
            tables=tables,
            figures=drawn,
            captions=captions,
            methods=_methods(rollouts, settings, n, short),
        )

    return analyse


def _headlines(metrics: dict[str, Any], curves: list[Curve], settings: Settings, n_muscles: int) -> list[Headline]:
    """What the synergies account for, and how many reach what is enough, each beside muscles without coordination."""
    each = f", mean over {len(curves)} rollouts" if len(curves) > 1 else ""
    note = f"uncentred, of the {settings.signal} of {n_muscles} muscles{each}"
    nulls = {n: 100 * metrics["nulls"][KEYS[n]]["vaf"] for n in NULLS}
    shown = f"variance that {metrics['shown']} synergies account for"
    out = [Headline(shown, 100 * metrics["vaf"]["mean"], "%", note, nulls=nulls, better="higher")]
    if metrics["synergies"]["mean"] is not None:
        fewer = {n: metrics["nulls"][KEYS[n]]["synergies"] for n in NULLS}
        label = f"synergies for {100 * settings.vaf:g} %"
        out.append(Headline(label, metrics["synergies"]["mean"], note=note, nulls=fewer, better="lower"))
    return out


def _sentence(metrics: dict[str, Any], curves: list[Curve], settings: Settings) -> str:
    """How much more the synergies account for than those of uncoordinated muscles."""
    n, vaf = metrics["shown"], 100 * metrics["vaf"]["mean"]
    nulls = " and ".join(f"{100 * metrics['nulls'][KEYS[k]]['vaf']:.1f} % ({k})" for k in NULLS)
    return (
        f"{n} synergies account for {vaf:.1f} % of the {settings.signal}; of muscles without coordination, as many "
        f"account for {nulls}."
    )


def _nulls_in_words() -> str:
    return (
        f"{TIME} (every muscle keeps its values and loses their order), {TRIALS} (every muscle keeps its courses and "
        f"has them in another order of clips, so that what all clips share is left), {NOISE} (noise of every muscle's "
        "values and autocorrelation)"
    )


def _curve(
    clips: list[np.ndarray], split: tuple[str, ...], most: int, settings: Settings, another_done: Callable[[], None]
) -> Curve:
    rng = np.random.default_rng(settings.seed)
    together = np.concatenate(clips)
    train = [c for c, s in zip(clips, split, strict=True) if s != "held_out"]
    held = [c for c, s in zip(clips, split, strict=True) if s == "held_out"]
    once = attrs.evolve(settings, restarts=0)
    controls = {k: [make(clips, rng) for _ in range(settings.shuffles)] for k, make in NULLS.items()}
    fits, by_chance, of_held = [], {k: [] for k in controls}, []
    for n in range(1, most + 1):
        fits.append(factorise(together, n, settings))
        for k, drawn in controls.items():
            by_chance[k].append(np.mean([factorise(c, n, once).vaf for c in drawn]))
        if train and held:
            weights = factorise(np.concatenate(train), n, settings).weights
            of_held.append(held_out_vaf(np.concatenate(held), weights))
        else:
            of_held.append(np.nan)
        another_done()
    return Curve(tuple(fits), {k: np.array(v) for k, v in by_chance.items()}, np.array(of_held))


def _aligned(chosen: list[Synergies]) -> list[Synergies]:
    """Put the synergies of all in the order of the first's, each beside the one that it is most like."""
    out = [chosen[0]]
    for s in chosen[1:]:
        order, _ = match(chosen[0].weights, s.weights)
        out.append(attrs.evolve(s, weights=s.weights[order], courses=s.courses[:, order]))
    return out


def _by_clip(synergies: Synergies, clips: list[np.ndarray]) -> np.ndarray:
    """(clip, step, synergy) time courses, NaN past a clip's end."""
    ends = np.cumsum([len(c) for c in clips])[:-1]
    parts = np.split(synergies.courses, ends)
    out = np.full((len(clips), max(map(len, clips)), synergies.courses.shape[1]), np.nan)
    for i, p in enumerate(parts):
        out[i, : len(p)] = p
    return out


def _vaf_metrics(curves: list[Curve], n: int, settings: Settings) -> dict[str, Any]:
    def by_number(of: list[np.ndarray]) -> dict[str, float]:
        return {str(k + 1): mean_interval([v[k] for v in of])["mean"] for k in range(len(of[0]))}

    def of_null(name: str) -> dict[str, Any]:
        each = [c.nulls[name] for c in curves]
        needed = [fewest(v, settings.vaf) for v in each]
        return {
            "vaf": mean_interval([v[n - 1] for v in each])["mean"],
            "synergies": None if None in needed else float(np.mean(needed)),
            "by_number": by_number(each),
        }

    vafs = [c.vaf for c in curves]
    return {
        "vaf": {**mean_interval([v[n - 1] for v in vafs]), "by_number": by_number(vafs)},
        "vaf_held_out": mean_interval([c.held_out[n - 1] for c in curves]),
        "nulls": {KEYS[name]: of_null(name) for name in NULLS},
    }


def _vaf_table(curves: list[Curve], short: str) -> Table:
    kinds = ([c.vaf for c in curves], [c.held_out for c in curves], *([c.nulls[k] for c in curves] for k in NULLS))
    return Table(
        columns=("synergies", "VAF (%)", "held-out (%)", *(f"{k} (%)" for k in NULLS)),
        rows=[
            (k + 1, *(100 * mean_interval([v[k] for v in of])["mean"] for of in kinds))
            for k in range(len(curves[0].fits))
        ],
        caption="Uncentred variance accounted for (VAF) by so many synergies"
        + (f", mean over {len(curves)} rollouts" if len(curves) > 1 else "")
        + f": all clips; clips held out, with synergies of the others; {_nulls_in_words()}.{short}",
    )


def _weights_table(chosen: list[Synergies], muscles: tuple[str, ...]) -> Table:
    mean = np.mean([s.weights for s in chosen], axis=0)
    return Table(
        columns=("muscle", *(f"synergy {k + 1}" for k in range(len(mean)))),
        rows=[(m, *mean[:, i]) for i, m in enumerate(muscles)],
        caption="Weight of every muscle in every synergy (each of length 1)"
        + (f", mean over {len(chosen)} rollouts after matching." if len(chosen) > 1 else "."),
    )


def _matches(chosen: list[Synergies], who: tuple[str, ...], settings: Settings) -> tuple[dict, Table, np.ndarray]:
    rng = np.random.default_rng(settings.seed)
    cosines, rows = np.eye(len(chosen)), []
    for i, a in enumerate(chosen):
        for j, b in enumerate(chosen[:i]):
            mean = float(match(b.weights, a.weights)[1].mean())
            by_chance = chance(b.weights, a.weights, settings.draws, rng)
            cosines[i, j] = cosines[j, i] = mean
            rows.append((who[j], who[i], mean, float(by_chance.mean()), float(np.percentile(by_chance, 95))))
    _, _, found, expected, limit = zip(*rows, strict=True)
    metrics = {
        "mean": float(np.mean(found)),
        "lowest": min(found),
        "chance": float(np.mean(expected)),
        "chance_p95": float(np.mean(limit)),
    }
    table = Table(
        columns=("rollouts", "other rollouts", "cosine", "by chance", "chance p95"),
        rows=rows,
        caption="Mean cosine between the synergies of two rollouts, matched one to one, and what random sets reach: "
        "the weights of every synergy given to other muscles.",
    )
    return metrics, table, cosines


def _short(curves: list[Curve], vaf: float) -> str:
    """Say that too few synergies were tried; empty if there were enough."""
    if all(c.needed(vaf) for c in curves):
        return ""
    every = " in every rollout" if len(curves) > 1 else ""
    return f" None of those tried (1 to {len(curves[0].fits)}) accounts for {100 * vaf:g} %{every}."


def _methods(rollouts: Sequence[Rollouts], settings: Settings, n: int, short: str) -> str:
    scaled = "divided by its largest value" if settings.normalise == "peak" else "taken as it is"
    fewest = "is the largest tried" if short else f"is the fewest that account for {100 * settings.vaf:g} %"
    number = "was set" if settings.synergies else fewest
    text = (
        f"The {settings.signal} of {len(rollouts[0].muscle_names)} muscles, each {scaled}, was pooled over "
        f"{len(rollouts[0].clip_names)} clips ({rollouts[0].rate_hz:g} Hz) and factorised into non-negative synergies "
        "and time courses (NMF, Lee & Seung 1999; scikit-learn, coordinate descent, start NNDSVDa and "
        f"{settings.restarts} random ones, the best fit kept, tolerance {settings.tolerance:g}, at most "
        f"{settings.iterations} iterations). Fits were judged by the uncentred variance accounted for, "
        "VAF = 1 − SSE/SST (Torres-Oviedo, Macpherson & Ting 2006). "
        f"The number of synergies ({n}) {number}.{short} Null models, {settings.shuffles} draws "
        f"of each: {_nulls_in_words()}; the noise is an iterated amplitude-adjusted Fourier surrogate of each clip "
        "(Schreiber & Schmitz 1996, doi:10.1103/PhysRevLett.77.635). For the held-out VAF synergies were fitted to the "
        "training clips, and only the time courses of the clips held out were fitted (non-negative least squares)."
    )
    if len(rollouts) == 1:
        return text
    return text + (
        f" Between {len(rollouts)} rollouts synergies were paired one to one so that the sum of cosines is largest "
        f"(scipy.optimize.linear_sum_assignment), {n} of each; chance is "
        f"{settings.draws} draws in which the weights of every synergy belong to other muscles. Random seed "
        f"{settings.seed}."
    )
