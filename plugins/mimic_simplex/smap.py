"""S-map: whether local linear maps forecast better than one linear map, i.e. whether the dynamics are nonlinear."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, Headline, Inputs, Result, Table
from mimic_simplex import pool
from mimic_simplex.controls import derangement
from mimic_simplex.findings import FEWEST_CLIPS, Nonlinearity
from mimic_simplex.local_maps import Vectors, smap
from mimic_simplex.nulls import LINEAR, MEAN_COURSE, OTHER_TRIAL, OWN_PAST, PERSISTENCE, SHUFFLED
from mimic_simplex.scores import pearson, spearman
from mimic_simplex.settings import SMapSettings
from mimic_simplex.variables import signals_of, stacks_of, synthetic, variables_of

_LARGEST_Z = 0.999999


NULLS = {
    LINEAR: "theta = 0, one linear map of the same delay vectors",
    OWN_PAST: "one linear map of the variable's own past (autoregression)",
    PERSISTENCE: "the last value, kept",
    MEAN_COURSE: "mean of the library clips at the same time",
    OTHER_TRIAL: "the forecast from another predicted clip at the same time",
    SHUFFLED: "theta and maps as they are, the library's targets in random order",
}
"""Null model of a local map → what it is."""


def _job(vectors: dict[str, Vectors], job: tuple[str, float, int | None]) -> np.ndarray:
    variable, theta, shuffle = job
    v = vectors[variable]
    if shuffle is not None:
        ahead = v.ahead.copy()
        ahead[: v.library] = np.random.default_rng(shuffle).permutation(ahead[: v.library])
        v = attrs.evolve(v, ahead=ahead)
    return smap(v, theta)


def from_another(predicted: np.ndarray, clip: np.ndarray, sample: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(prediction,) each clip's forecasts replaced by another clip's at the same time; NaN where there is none."""
    clips, of = np.unique(clip, return_inverse=True)
    if len(clips) < 2:
        return np.full(len(predicted), np.nan)
    at = np.full((len(clips), sample.max() + 1), np.nan)
    at[of, sample] = predicted
    return at[derangement(len(clips), rng)[of], sample]


def null_rho(
    vectors: Vectors, predicted: np.ndarray, linear: np.ndarray, shuffles: list[np.ndarray], settings: SMapSettings
) -> dict[str, float]:
    """Spearman's rho of each null model of `NULLS`.

    Args:
        predicted: (prediction,) of the local maps, for another clip's.
        linear: (prediction,) at theta 0.
        shuffles: (prediction,) forecasts from a shuffled library.
    """
    observed, rng = vectors.ahead[vectors.library :], np.random.default_rng(settings.seed)

    def rho(*forecasts: np.ndarray) -> float:
        found = [spearman(observed[there], p[there]) for p in forecasts for there in [np.isfinite(p)]]
        return float(np.mean(found)) if found else float("nan")

    others = [from_another(predicted, vectors.clip, vectors.sample, rng) for _ in range(settings.surrogates)]
    own = {name: rho(vectors.nulls[name]) for name in (OWN_PAST, PERSISTENCE, MEAN_COURSE)}
    return {LINEAR: rho(linear), **own, OTHER_TRIAL: rho(*others), SHUFFLED: rho(*shuffles)}


def nonlinearity(predicted: np.ndarray, observed: np.ndarray, clip: np.ndarray, settings: SMapSettings) -> Nonlinearity:
    """Judge forecasts (theta, prediction).

    For each clip theta is chosen on the other clips, so that the choice itself gains nothing.
    """
    theta = np.array(settings.theta)
    z = np.array([[_z(spearman(observed[clip == c], p[clip == c])) for c in np.unique(clip)] for p in predicted])
    known = np.isfinite(z).all(0)
    z = z[:, known]
    gain = low = high = apart = float("nan")
    names = np.unique(clip)
    n, zero = z.shape[1], np.flatnonzero(theta == 0)[0]
    if n > 1:
        others = (z.sum(1, keepdims=True) - z).argmax(0)
        chosen = np.full(names.max() + 1, -1)
        chosen[names[known]] = others
        judged = chosen[clip] >= 0
        apart = spearman(observed[judged], predicted[chosen[clip], np.arange(len(clip))][judged])
        gains = z[others, np.arange(n)] - z[zero]
        draws = np.random.default_rng(settings.seed).integers(0, n, (settings.resamples, n))
        gain = float(gains.mean())
        low, high = map(float, np.quantile(gains[draws].mean(1), (0.025, 0.975)))
    rho = np.array([spearman(observed, p) for p in predicted])
    r = np.array([pearson(observed, p) for p in predicted])
    top = float(theta[np.nanargmax(rho)]) if np.isfinite(rho).any() else float("nan")
    return Nonlinearity(rho, r, top, gain, low, high, n, apart)


def _z(rho: float) -> float:
    return float(np.arctanh(np.clip(rho, -_LARGEST_Z, _LARGEST_Z)))


def analysis(settings: SMapSettings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts and, where there is some, EMG."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        signals = signals_of("smap", inputs.one("rollouts"), inputs.maybe("emg"), settings)
        variables = variables_of(signals, settings.variables)
        stacks, how = stacks_of(signals, variables, settings)
        vectors = {v: Vectors.of(stack, settings) for v, stack in stacks.items()}
        jobs = [(v, theta, None) for v in vectors for theta in settings.theta]
        done = dict(zip(jobs, pool.run(_job, jobs, vectors, settings.workers, context.progress), strict=True))
        found = {
            v: nonlinearity(
                np.stack([done[v, theta, None] for theta in settings.theta]), x.ahead[x.library :], x.clip, settings
            )
            for v, x in vectors.items()
        }
        best = {v: f.theta if np.isfinite(f.theta) else 0.0 for v, f in found.items()}
        again = [(v, best[v], settings.seed + i) for v in vectors for i in range(settings.shuffles)]
        mixed = dict(zip(again, pool.run(_job, again, vectors, settings.workers, None), strict=True))
        nulls = {
            v: null_rho(
                x, done[v, best[v], None], done[v, 0.0, None], [p for job, p in mixed.items() if job[0] == v], settings
            )
            for v, x in vectors.items()
        }
        return _result(found, nulls, vectors, how, settings, synthetic(signals, variables))

    return analyse


def _in_short(
    found: dict[str, Nonlinearity], nulls: dict[str, dict[str, float]], rho: dict[str, float]
) -> tuple[list[Headline], str]:
    """Mean rho beside the null models, and over how many variables local maps gain."""
    known = [v for v in found if np.isfinite(rho[v])]
    if not known:
        return [], ""
    means = {name: [x for v in known if np.isfinite(x := nulls[v][name])] for name in NULLS}
    above = {name: sum(rho[v] > nulls[v][name] for v in known) for name in NULLS if means[name]}
    headline = Headline(
        "S-map ρ",
        float(np.mean([rho[v] for v in known])),
        note=f"mean over {len(known)} variables, θ of each trial chosen on the others",
        nulls={name: float(np.mean(x)) if x else None for name, x in means.items()},
        better="higher",
    )
    verdicts = [f.verdict for f in found.values()]
    gains = ", ".join(f"{v.partition(':')[2]} {f.gain:+.2f} [{f.low:.2f}, {f.high:.2f}]" for v, f in found.items())
    sentence = (
        f"Local maps forecast better than one linear map in {verdicts.count('nonlinear')} of {len(found)} variables "
        f"({verdicts.count('undecided')} undecided; gain in Fisher's z with its 95 % interval over predicted trials: "
        f"{gains}). Their ρ is above {', '.join(f'{name} in {n} of {len(known)}' for name, n in above.items())}."
    )
    return [headline], sentence


def _result(
    found: dict[str, Nonlinearity],
    nulls: dict[str, dict[str, float]],
    vectors: dict[str, Vectors],
    how: str,
    settings: SMapSettings,
    origin: dict[str, bool],
) -> Result:
    from mimic_simplex import map_figures
    from mimic_simplex.texts import smap_methods, title

    zero = settings.theta.index(0)
    metrics: dict[str, Any] = {
        v: {
            "theta": f.theta,
            "rho": float(np.nanmax(f.rho)) if np.isfinite(f.rho).any() else float("nan"),
            "rho_apart": f.apart,
            "rho_linear": float(f.rho[zero]),
            "gain_z": f.gain,
            "gain_z_low": f.low,
            "gain_z_high": f.high,
            "clips": f.clips,
            "nonlinear": None if f.verdict == "undecided" else f.verdict == "nonlinear",
            "nulls": nulls[v],
        }
        for v, f in found.items()
    }
    settings_used = {**attrs.asdict(settings), "variables": list(found), "split": how, "pyEDM": version("pyEDM")}
    headlines, sentence = _in_short(found, nulls, {v: f.apart for v, f in found.items()})
    return Result(
        headlines=headlines,
        sentence=sentence,
        metrics={**metrics, "settings": settings_used, **origin},
        tables={
            "nonlinearity": Table(
                columns=("variable", "theta", "rho", "rho at 0", "gain (z)", "95 % low", "95 % high", "verdict"),
                rows=[
                    (title(v), m["theta"], m["rho"], m["rho_linear"], f.gain, f.low, f.high, f.verdict)
                    for (v, f), m in zip(found.items(), metrics.values(), strict=True)
                ],
                caption="Forecast by local maps (theta with the highest rho) against one linear map. The gain is the "
                "mean over clips of Fisher's z at the theta chosen on the other clips, less that at theta 0; its 95 % "
                "interval (bootstrap) is over the predicted trials and says nothing of other animals or days. With "
                f"fewer than {FEWEST_CLIPS} clips the verdict is undecided.",
            ),
            "nulls": Table(
                columns=("variable", "rho", *NULLS),
                rows=[(title(v), f.apart, *(nulls[v][name] for name in NULLS)) for v, f in found.items()],
                caption="Spearman's rho of S-map, theta of each trial chosen on the other trials, beside null "
                f"models on the same predictions. {'; '.join(f'{name}: {what}' for name, what in NULLS.items())}. "
                f"Other trial: mean of {settings.surrogates} draws, shuffled: of {settings.shuffles}, both at the "
                "theta with the highest rho.",
            ),
            "theta": Table(
                columns=("variable", "theta", "Spearman rho", "Pearson r"),
                rows=[
                    (title(v), t, float(rho), float(r))
                    for v, f in found.items()
                    for t, rho, r in zip(settings.theta, f.rho, f.r, strict=True)
                ],
                caption="Forecast over theta, all predictions together.",
            ),
        },
        figures={"theta": map_figures.theta_curves(found, nulls, settings)},
        captions={
            "theta": f"Spearman's rho of S-map forecasts {1e3 * settings.Tp / settings.rate_hz:g} ms ahead over theta. "
            "At theta 0 one linear map serves everywhere; the larger theta, the more local the maps. A curve that "
            "rises from 0 shows nonlinear dynamics; the legend gives the verdict. Marks at the right: null models on "
            "the same predictions; what lies at or above the curve does as well."
        },
        methods=smap_methods(found, vectors, how, settings)
        + f" With fewer than {FEWEST_CLIPS} predicted clips no verdict is given.",
    )
