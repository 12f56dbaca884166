"""Simplex projection from joints and muscles to muscle activity, and its controls."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from mimic_core import (
    ConfigError,
    Context,
    DataError,
    Emg,
    Headline,
    Inputs,
    Result,
    Rollouts,
    Table,
    did_you_mean,
)
from mimic_simplex.findings import Forecast, Peer
from mimic_simplex.neighbours import Cloud, Neighbours, Stack
from mimic_simplex.nulls import NULLS, OTHER_TRIAL, SHUFFLED, Beside, all_beside, counted, counts, means, null_forecasts
from mimic_simplex.peer import largest_difference
from mimic_simplex.settings import Settings
from mimic_simplex.trials import Signals, Trial, clips_of, split_clips, standardize, trials_of


@attrs.frozen
class Names:
    """What is forecast from what, as ``kind:name``, and what is drawn."""

    predictors: tuple[str, ...]
    targets: tuple[str, ...]
    show: tuple[str, ...]


def names_of(signals: Signals, settings: Settings) -> Names:
    """Look up the variables that the settings name.

    Raises:
        ConfigError: a name is unknown.
        DataError: EMG is to be forecast, and there is none trial by trial.
    """
    if settings.predict == "emg":
        signals.single_trials("to forecast it")
    targets = signals.pick("emg" if settings.predict == "emg" else "muscle", settings.targets, "targets")
    joints = signals.pick("joint", settings.joints, "joints") if settings.predictors != "muscles" else ()
    muscles = signals.pick("muscle", settings.muscles, "muscles") if settings.predictors != "joints" else ()
    plain = tuple(map(plain_name, targets))
    for name in settings.show:
        if name not in plain:
            raise ConfigError(f"analyze.simplex.show: {name!r} is not forecast{did_you_mean(name, plain)}")
    return Names((*joints, *muscles), targets, settings.show or plain)


def plain_name(label: str) -> str:
    """``kind:name`` → ``name``."""
    return label.partition(":")[2]


def prepare(rollouts: Rollouts, emg: Emg | None, settings: Settings) -> tuple[Names, list[Trial], str]:
    """Read names and trials as the settings say, and how clips were split."""
    signals = Signals("simplex", rollouts, emg, settings.signal, settings.kinematics, settings.rate_hz)
    names = names_of(signals, settings)
    clips = clips_of(signals, names.targets)
    sides, how = split_clips(signals, settings.split, settings.held_out, settings.seed, clips)
    trials = standardize(trials_of(signals, names.predictors, names.targets, sides), settings.standardize)
    return names, trials, how


def project(stack: Stack, settings: Settings) -> tuple[Cloud, Neighbours]:
    """Find the neighbours that forecast the predicted clips.

    Raises:
        DataError: too few samples for this embedding.
    """
    cloud = Cloud(stack, settings.E, settings.tau)
    need = cloud.shift + settings.Tp
    vectors, asked = cloud.library_size(settings.Tp), int(cloud.asked(settings.Tp).sum())
    found = cloud.neighbours(settings.Tp, settings.k) if asked and vectors >= settings.k else None
    if found is None or not len(found.row):
        wanted = f"E = {settings.E}, tau = {settings.tau}, Tp = {settings.Tp} at {settings.rate_hz:g} Hz"
        which = f"{vectors} library vectors, {settings.k} needed" if asked else "no held-out clip is long enough"
        raise DataError(
            f"simplex: too few samples for {wanted}: {which} (a clip needs more than {need} samples); "
            "use longer clips, a higher analyze.simplex.rate_hz or a smaller analyze.simplex.Tp"
        )
    return cloud, found


def forecasts_of(found: Neighbours, stack: Stack, known: np.ndarray | None = None) -> list[Forecast]:
    """Forecast every target; ``known`` (row, target) replaces what the library knows of the targets."""
    predicted = found.forecast(stack.targets if known is None else known)
    at = found.row + found.Tp
    return [Forecast(at, stack.targets[at, i], predicted[:, i]) for i in range(stack.targets.shape[1])]


def analysis(settings: Settings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts and, to forecast it, EMG."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        rollouts: Rollouts = inputs.one("rollouts")
        emg: Emg | None = inputs.maybe("emg")
        names, trials, how = prepare(rollouts, emg, settings)
        stack = Stack.of(trials)
        cloud, found = project(stack, settings)
        plain = [plain_name(t) for t in names.targets]
        forecasts = dict(zip(plain, forecasts_of(found, stack), strict=True))
        rng = np.random.default_rng(settings.seed)
        nulls = null_forecasts(cloud, found, rng, settings.shuffles, settings.surrogates)
        beside = all_beside(forecasts, nulls, stack)
        peers = [largest_difference(cloud, found, forecasts[m].predicted, i) for i, m in enumerate(plain)]
        metrics = {
            "rho": {m: f.rho for m, f in forecasts.items()},
            "r": {m: f.r for m, f in forecasts.items()},
            "shuffled": _control(beside[SHUFFLED]),
            "surrogate": _control(beside[OTHER_TRIAL]),
            "nulls": {name: {m: attrs.asdict(b) for m, b in of.items()} for name, of in beside.items()},
            "above": counts(beside),
            "settings": {
                **attrs.asdict(settings),
                "joints": [plain_name(x) for x in names.predictors if x.startswith("joint:")],
                "muscles": [plain_name(x) for x in names.predictors if x.startswith("muscle:")],
                "targets": plain,
                "neighbors": settings.k,
                "split": how,
            },
            "n": _counts(rollouts, stack, cloud, found, settings),
            "pyEDM": attrs.asdict(
                Peer(peers[0].version, sum(p.compared for p in peers), max(p.largest_difference for p in peers))
            ),
        }
        if settings.predict == "emg" and emg is not None and emg.synthetic:
            metrics["synthetic"] = True
        return _result(metrics, forecasts, beside, stack, names.show, settings, rollouts.rate_hz, emg)

    return analyse


def _counts(rollouts: Rollouts, stack: Stack, cloud: Cloud, found: Neighbours, settings: Settings) -> dict[str, Any]:
    def clips(of: np.ndarray) -> set[int]:
        return set(np.unique(stack.clip[of]).tolist())

    used = clips(cloud.library[stack.left[cloud.library] >= settings.Tp]) | clips(found.row)
    return {
        "library_clips": len(clips(stack.library)),
        "predicted_clips": len(clips(stack.predict)),
        "library_samples": int(stack.library.sum()),
        "predictions": len(found.row),
        "clips_too_short": sorted(c for i, c in enumerate(stack.clips) if i not in used),
        "clips_left_out": len(rollouts.clip_names) - len(stack.clips),
    }


def _control(beside: dict[str, Beside]) -> dict[str, dict[str, float]]:
    """Mean and SD of the scores over the repeats of a null model, by target."""
    return {m: {"rho": b.rho, "sd": b.rho_sd, "r": b.r, "r_sd": b.r_sd} for m, b in beside.items()}


def _in_short(
    metrics: dict[str, Any], beside: dict[str, dict[str, Beside]], settings: Settings
) -> tuple[list[Headline], str]:
    """Headline and sentence: mean rho over the targets beside its null models; nothing where no rho is defined."""
    rho = [v for v in metrics["rho"].values() if np.isfinite(v)]
    if not rho:
        return [], ""
    given = {"both": "joints and muscles"}.get(settings.predictors, settings.predictors)
    between = f"{given} to {'EMG' if settings.predict == 'emg' else 'muscles'}"
    mean = float(np.mean(rho))
    unseen = " unseen clips" if metrics["settings"]["split"] in ("rollouts", "fraction") else ""
    sentence = (
        f"Simplex projection from {between} forecasts{unseen} with a Spearman's ρ of {min(rho):.3g} to {max(rho):.3g} "
        f"over {len(rho)} signals (mean {mean:.3g}). It is above {counted(beside)}; clearly: the 95 % interval over "
        "trials lies above 0."
    )
    headline = Headline(
        f"simplex ρ, {between}", mean, note=f"mean over {len(rho)} signals", nulls=means(beside), better="higher"
    )
    return [headline], sentence


def _result(
    metrics: dict[str, Any],
    forecasts: dict[str, Forecast],
    beside: dict[str, dict[str, Beside]],
    stack: Stack,
    show: tuple[str, ...],
    settings: Settings,
    control_rate_hz: float,
    emg: Emg | None,
) -> Result:
    from mimic_simplex import figures
    from mimic_simplex.texts import simplex_methods, source_words, target_words

    n = metrics["n"]
    table = Table(
        columns=("muscle", "Spearman rho", "Pearson r", *NULLS),
        rows=[(m, metrics["rho"][m], metrics["r"][m], *(beside[name][m].rho for name in NULLS)) for m in forecasts],
        caption=f"Forecast of {target_words(settings)} {1e3 * settings.Tp / settings.rate_hz:g} ms ahead from "
        f"{source_words(settings)}: {n['predictions']} predictions in {n['predicted_clips']} clips, from "
        f"{n['library_clips']} library clips. Beside it null models on the same predictions: "
        f"{'; '.join(f'{name}: {what}' for name, what in NULLS.items())}. Other trial: mean of {settings.surrogates} "
        f"draws, shuffled: of {settings.shuffles}.",
    )
    differences = Table(
        columns=("muscle", "null", "null rho", "null r", "rho above it", "95 % low", "95 % high"),
        rows=[
            (m, name, b.rho, b.r, b.more, b.low, b.high) for m in forecasts for name in NULLS for b in [beside[name][m]]
        ],
        caption="Spearman's rho of simplex projection less that of each null model, with its 95 % interval over the "
        f"{n['predicted_clips']} predicted trials (jackknife), which says nothing of other animals or days.",
    )
    traces, shown = figures.traces(forecasts, stack, show, settings)
    headlines, sentence = _in_short(metrics, beside, settings)
    return Result(
        headlines=headlines,
        sentence=sentence,
        metrics=metrics,
        tables={"simplex": table, "nulls": differences},
        figures={"rho": figures.bars(metrics["rho"], beside, settings), "traces": traces},
        captions={
            "rho": f"Spearman's rho between observed and forecast {target_words(settings)} (bars), beside its null "
            "models on the same predictions (marks): what lies at or above the top of a bar does as well without "
            f"simplex projection. {'; '.join(f'{name}: {what}' for name, what in NULLS.items())}.",
            "traces": f"Observed and forecast {target_words(settings)} in predicted clips, end to end, from the clip "
            f"with the smallest to the clip with the largest mean absolute error ({', '.join(shown)}).",
        },
        methods=simplex_methods(metrics, settings, control_rate_hz, emg),
    )
