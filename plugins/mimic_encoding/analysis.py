"""The `encoding` analysis: which source predicts the neurons best, beside null models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import attrs
import numpy as np

from mimic_core import (
    ConfigError,
    Context,
    DataError,
    DataWarning,
    Headline,
    Inputs,
    ReferenceClips,
    Result,
    Rollouts,
    Table,
    did_you_mean,
)
from mimic_encoding.find import COURSE, RESAMPLED, TIME, TRIAL, Found, find
from mimic_encoding.neural import Neural
from mimic_encoding.settings import Settings
from mimic_encoding.sources import KINEMATICS, binned, sources_of


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts, neural activity, and clips if given."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        from sklearn import config_context
        from threadpoolctl import threadpool_limits

        from mimic_encoding import figures

        rollouts: Rollouts = inputs.one("rollouts")
        neural: Neural = inputs.one("neural")
        clips: ReferenceClips | None = inputs.maybe("clips")
        sources = sources_of(rollouts, clips, context.plugins)
        names = _chosen(sources, settings.sources)
        trials, apart = matched(neural, rollouts)
        at = [rollouts.clip_names.index(n) for n in trials]
        lags = np.array(settings.lags_ms) * 1e-3
        of_trials = {n: binned(sources[n][at], rollouts.rate_hz, neural.time, 1 / neural.rate_hz, lags) for n in names}
        _check_rows(neural, of_trials, trials, settings)
        # a thread for each core is slower on matrices this small, and checks of arguments take half of the time
        with threadpool_limits(1), config_context(assume_finite=True, skip_parameter_validation=True):
            found = find(neural, of_trials, trials, apart, settings, lambda done: context.progress(done, 1.0, {}))
        for text in left_out(found):
            warnings.warn(text, DataWarning, stacklevel=2)
        drawn = {"score": figures.score(found)}
        if len(names) > 1:
            drawn["pairs"] = figures.pairs(found)
        if found.alike is not None:
            drawn["similarity"] = figures.similarity(found)
        return Result(
            headlines=(lines := headlines(found)),
            sentence=sentence(found, neural, lines),
            metrics=_metrics(found, settings),
            tables=_tables(found),
            figures=drawn,
            captions={k: v for k, v in _captions(found).items() if k in drawn},
            methods=_methods(found, neural, settings),
        )

    return analyse


def _chosen(sources: Mapping[str, np.ndarray], wanted: tuple[str, ...]) -> list[str]:
    for name in wanted:
        if name not in sources:
            raise ConfigError(f"analyze.encoding.sources: no source {name!r}{did_you_mean(name, sources)}")
    return list(wanted or sources)


def matched(neural: Neural, rollouts: Rollouts) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the trials that have a clip, and those that have none.

    Raises:
        DataError: fewer than three have one.
    """
    have = tuple(n for n in neural.trial_names if n in rollouts.clip_names)
    if len(have) < 3:
        raise DataError(
            f"neural: {len(have)} of its trials ({', '.join(neural.trial_names[:3])}, …) are clips of the rollouts "
            f"({', '.join(rollouts.clip_names[:3])}, …), expected at least 3; name trials as clips with a column clip, "
            "or with --clips of 'mimic neural'"
        )
    return have, tuple(n for n in neural.trial_names if n not in have)


def _check_rows(
    neural: Neural, of_trials: Mapping[str, np.ndarray], trials: tuple[str, ...], settings: Settings
) -> None:
    known = np.isfinite(neural.values[[neural.trial_names.index(n) for n in trials]]).any(axis=-1)
    for name, x in of_trials.items():
        both = known & np.isfinite(x).all(axis=-1)
        if both.any(axis=1).sum() < 3:
            raise DataError(
                f"neural: {name} and the neurons share bins in {both.any(axis=1).sum()} trials, expected at least 3; "
                f"bins are centred {neural.time[0]:g} to {neural.time[-1]:g} s after the start, lags are "
                f"{', '.join(f'{v:g}' for v in settings.lags_ms)} ms"
            )


def left_out(found: Found) -> list[str]:
    """Say in a line each what was recorded and not compared."""
    out = []
    if found.silent:
        out.append(f"left out, with too few spikes or without variance: {_some(found.silent)}")
    if found.apart:
        out.append(f"trials without a clip of that name: {_some(found.apart)}")
    return out


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def headlines(found: Found) -> tuple[Headline, ...]:
    """The mean score of every source, the best first, beside its null models."""
    out = []
    what = "deviance" if found.counts else "variance"
    for name in found.ranked:
        nulls = {k: 100 * float(v.mean()) for k, v in found.nulls[name].items()}
        nulls[COURSE] = 100 * float(found.course.mean())
        if name != KINEMATICS and KINEMATICS in found.score:
            nulls["kinematics alone"] = 100 * float(found.score[KINEMATICS].mean())
        low, high = found.over_trials[name]
        out.append(
            Headline(
                f"{what} that {name} explains",
                100 * float(found.score[name].mean()),
                "%",
                f"mean over {len(found.neurons)} neurons, unseen trials of one session; 95 % over {len(found.trials)} "
                f"trials {100 * low:.3g} to {100 * high:.3g}",
                nulls=nulls,
                better="higher",
            )
        )
    return tuple(out)


def sentence(found: Found, neural: Neural, lines: tuple[Headline, ...]) -> str:
    """What was found, no more than the table holds."""
    best = found.ranked[0]
    made_up = f"made-up neurons that encode {neural.code}" if neural.synthetic else "neurons"
    text = f"Of {len(found.score)} sources, {best} predicts the {made_up} best"
    close = [n for n in found.ranked[1:] if found.better[best, n][1] <= 0]
    if close:
        text += f", not apart over trials from {', '.join(close)}"
    if lines[0].unbeaten:
        text += f"; {', '.join(lines[0].unbeaten)} {'does' if len(lines[0].unbeaten) == 1 else 'do'} as well"
    return text + ". A source that predicts neurons need not be what they compute."


def _metrics(found: Found, settings: Settings) -> dict:
    out: dict = {
        "neurons": len(found.neurons),
        "trials": len(found.trials),
        "bins": found.rows,
        "best": found.ranked[0],
        "left_out": {"neurons": list(found.silent), "trials": list(found.apart)},
        "sources": {
            n: {
                "explained": float(found.score[n].mean()),
                "over_trials": list(found.over_trials[n]),
                "nulls": {k: float(v.mean()) for k, v in found.nulls[n].items()},
            }
            for n in found.ranked
        },
        "mean_course": float(found.course.mean()),
        "settings": attrs.asdict(settings),
    }
    if found.alike is not None:
        out["similarity"] = attrs.asdict(found.alike)
    return out


def _tables(found: Found) -> dict[str, Table]:
    best = np.argmax([found.score[n] for n in found.ranked], axis=0)
    share = "deviance" if found.counts else "variance"
    out = {
        "score": Table(
            columns=("source", f"{share} explained (%)", "low", "high", "best for", TIME, TRIAL, COURSE),
            rows=[
                (
                    n,
                    100 * found.score[n].mean(),
                    *(100 * v for v in found.over_trials[n]),
                    int((best == i).sum()),
                    *(100 * found.nulls[n][k].mean() for k in (TIME, TRIAL)),
                    100 * found.course.mean(),
                )
                for i, n in enumerate(found.ranked)
            ],
            caption=f"Share of the {share} of trials that were not learnt from, mean over {len(found.neurons)} neurons "
            "(95 % interval over trials); for how many neurons the source is the best; and null models.",
        ),
        "neurons": Table(
            columns=("neuron", *(f"{n} (%)" for n in found.ranked), "mean course (%)"),
            rows=[
                (name, *(100 * float(found.score[n][i]) for n in found.ranked), 100 * float(found.course[i]))
                for i, name in enumerate(found.neurons)
            ],
            caption=f"Share of the {share} that each source explains of each neuron, on unseen trials.",
        ),
    }
    if found.better:
        out["pairs"] = Table(
            columns=("source", "against", "difference (%)", "low", "high", "better for"),
            rows=[
                (a, b, *(100 * v for v in found.better[a, b][:3]), found.better[a, b][3])
                for i, a in enumerate(found.ranked)
                for b in found.ranked[i + 1 :]
            ],
            caption="Difference of the shares, its 95 % interval over trials (bootstrap), and for how many of "
            f"{len(found.neurons)} neurons the first is better.",
        )
    if found.alike is not None:
        out["similarity"] = Table(
            columns=("source", "rho", "shifted in time, 95 %", "ceiling low", "ceiling high"),
            rows=[
                (n, found.alike.rho[n], found.alike.shifted[n], found.alike.low, found.alike.high)
                for n in sorted(found.alike.rho, key=lambda n: -found.alike.rho[n])  # type: ignore[union-attr]
            ],
            caption="Spearman's ρ of the distances between instants of the mean trial, in a source and in the neurons.",
        )
    return out


def _captions(found: Found) -> dict[str, str]:
    return {
        "score": "How much of the neurons' activity each source predicts in trials that it did not learn from: every "
        "neuron (dots), their mean, and the same source with time or with trials shuffled. A source that does no "
        "better than the mean course knows nothing of the single trial.",
        "pairs": "How much more the source of a row predicts than that of a column; * where the 95 % interval over "
        "trials leaves out 0.",
        "similarity": "How far instants that are alike in a source are alike in the neurons, beside the noise ceiling.",
    }


def _methods(found: Found, neural: Neural, settings: Settings) -> str:
    how = "Poisson regression (log link)" if found.counts else "ridge regression"
    measure = "deviance explained (D²)" if found.counts else "R²"
    text = (
        f"{neural.methods} Each neuron was predicted from each source by {how} with scikit-learn: sources averaged in "
        f"the neurons' bins at lags of {', '.join(f'{v:g}' for v in settings.lags_ms)} ms, columns standardised "
        f"and, of sources with more than {settings.components} columns, reduced to as many principal components; "
        f"L2 penalty per neuron and source among {', '.join(f'{v:g}' for v in settings.alphas)} by three folds inside "
        f"of the training trials. Scores are {measure} on the unseen trials of {settings.folds} folds of whole trials, "
        f"relative to the training trials' mean; {found.rows} bins of {len(found.trials)} trials. Null models, mean of "
        f"{settings.draws} draws (seed {settings.seed}): every trial's source turned round in time by its own number "
        "of bins; the source of another trial; and the mean course of the training trials, which is no regression. "
        f"Intervals are of {RESAMPLED:,} bootstrap draws of trials."
    )
    if found.alike is not None:
        text += (
            " Representational similarity (Kriegeskorte et al. 2008) compares Euclidean distances between the bins of "
            "the mean trial, columns standardised, by Spearman's ρ; the ceiling is that of Nili et al. (2014) with "
            "halves of the trials; the null is the 95th percentile over all turns of the source in time."
        )
    return " ".join([text, *(f"{t[0].upper()}{t[1:]}." for t in left_out(found))])
