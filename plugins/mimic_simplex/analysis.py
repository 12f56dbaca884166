"""Simplex projection from joint angles to muscle activity, and its shuffled control."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import Result, Rollouts, Table
from mimic_simplex.trials import Rows, Trial, chosen, rows_of, split_clips, trials_of

if TYPE_CHECKING:
    from mimic_simplex import Settings


@attrs.frozen(eq=False)
class Forecast:
    """Observed and predicted target at the same instants.

    Attributes:
        row: (prediction,) row of the frame (from 0) that the forecast is *for*.
        observed, predicted: (prediction,) in units of the target.
    """

    row: np.ndarray
    observed: np.ndarray
    predicted: np.ndarray

    @property
    def rho(self) -> float:
        """Spearman's rank correlation; NaN if either side is constant."""
        from scipy.stats import spearmanr

        return self._score(spearmanr)

    @property
    def r(self) -> float:
        """Pearson's correlation; NaN if either side is constant."""
        from scipy.stats import pearsonr

        return self._score(pearsonr)

    def _score(self, test: Any) -> float:
        if np.ptp(self.observed) == 0 or np.ptp(self.predicted) == 0:
            return float("nan")
        return float(test(self.observed, self.predicted).statistic)


def project(rows: Rows, joints: tuple[str, ...], target: str, settings: Settings) -> Forecast:
    """Forecast one target by simplex projection (Sugihara & May 1990).

    The k nearest library vectors of each embedding vector, weighted by exp(-d/d_min), average the
    target Tp samples later.
    """
    from pyEDM import Simplex

    out = Simplex(
        dataFrame=rows.frame,
        columns=[f"joint:{j}" for j in joints],
        target=f"target:{target}",
        lib=[row for span in rows.library for row in span],
        pred=[row for span in rows.predict for row in span],
        E=settings.E,
        tau=settings.tau,
        Tp=settings.Tp,
        knn=settings.k,
    )
    made = out[out["Predictions"].notna() & out["Observations"].notna()]
    return Forecast(made["Time"].to_numpy(int) - 1, made["Observations"].to_numpy(), made["Predictions"].to_numpy())


def shuffled(rows: Rows, target: str, rng: np.random.Generator) -> Rows:
    """Return the same rows with the library's target values permuted; embedding and observations stay."""
    values = rows.frame[f"target:{target}"].to_numpy(copy=True)
    values[rows.library_rows] = rng.permutation(values[rows.library_rows])
    return attrs.evolve(rows, frame=rows.frame.assign(**{f"target:{target}": values}))


def analysis(settings: Settings):
    """Return ``analyse(rollouts) -> Result`` for these settings."""

    def analyse(rollouts: Rollouts) -> Result:
        joints = chosen(settings.joints, rollouts.joint_names, "joints", "joint")
        targets = chosen(settings.targets, rollouts.muscle_names or rollouts.actuator_names, "targets", "muscle")
        show = chosen(settings.show, targets, "show", "forecast muscle")
        library, how = split_clips(rollouts, settings)
        trials = trials_of(rollouts, joints, targets, library, settings)
        rows = rows_of(trials, joints, targets, settings)
        forecasts = {m: project(rows, joints, m, settings) for m in targets}
        rng = np.random.default_rng(settings.seed)
        control = {
            m: [project(shuffled(rows, m, rng), joints, m, settings) for _ in range(settings.shuffles)] for m in targets
        }
        metrics = _metrics(
            forecasts, control, _settings(settings, joints, targets, how), _counts(rows, trials, forecasts)
        )
        return _result(metrics, forecasts, rows, trials, show, settings, rollouts.rate_hz)

    return analyse


def _settings(settings: Settings, joints: tuple[str, ...], targets: tuple[str, ...], how: str) -> dict[str, Any]:
    return {
        **attrs.asdict(settings),
        "joints": list(joints),
        "targets": list(targets),
        "neighbors": settings.k,
        "split": how,
        "pyEDM": version("pyEDM"),
    }


def _counts(rows: Rows, trials: list[Trial], forecasts: dict[str, Forecast]) -> dict[str, Any]:
    first = next(iter(forecasts.values()))
    clips = {t.clip: t.library for t in trials}
    used = {trials[i].clip for a, _ in (*rows.library, *rows.predict) for i in (rows.trial[a - 1],)}
    return {
        "library_clips": sum(clips.values()),
        "predicted_clips": len(clips) - sum(clips.values()),
        "library_samples": int(rows.library_rows.sum()),
        "predictions": len(first.row),
        "clips_too_short": sorted(set(clips) - used),
    }


def _metrics(
    forecasts: dict[str, Forecast], control: dict[str, list[Forecast]], settings: dict[str, Any], counts: dict[str, Any]
) -> dict[str, Any]:
    def of(m: str) -> dict[str, float]:
        rho, r = np.array([f.rho for f in control[m]]), np.array([f.r for f in control[m]])
        return {"rho": float(rho.mean()), "sd": float(rho.std()), "r": float(r.mean()), "r_sd": float(r.std())}

    return {
        "rho": {m: f.rho for m, f in forecasts.items()},
        "r": {m: f.r for m, f in forecasts.items()},
        "shuffled": {m: of(m) for m in forecasts},
        "settings": settings,
        "n": counts,
    }


def _result(
    metrics: dict[str, Any],
    forecasts: dict[str, Forecast],
    rows: Rows,
    trials: list[Trial],
    show: tuple[str, ...],
    settings: Settings,
    control_rate_hz: float,
) -> Result:
    from mimic_simplex import figures

    control, n = metrics["shuffled"], metrics["n"]
    table = Table(
        columns=(
            "muscle",
            "Spearman rho",
            "Pearson r",
            "shuffled rho (mean)",
            "shuffled rho (SD)",
            "shuffled r (mean)",
            "shuffled r (SD)",
        ),
        rows=[
            (
                m,
                metrics["rho"][m],
                metrics["r"][m],
                control[m]["rho"],
                control[m]["sd"],
                control[m]["r"],
                control[m]["r_sd"],
            )
            for m in forecasts
        ],
        caption=f"Forecast of muscle {settings.signal} {1e3 * settings.Tp / settings.rate_hz:g} ms ahead from joint "
        f"angles: {n['predictions']} predictions in {n['predicted_clips']} clips, from {n['library_clips']} "
        f"library clips; shuffled control over {settings.shuffles} permutations.",
    )
    traces, shown = figures.traces(forecasts, rows, trials, show, settings)
    return Result(
        metrics=metrics,
        tables={"simplex": table},
        figures={"rho": figures.bars(metrics, settings), "traces": traces},
        captions={
            "rho": "Spearman's rho between observed and forecast muscle "
            f"{settings.signal} (filled) and its shuffled control (open; mean and SD of "
            f"{settings.shuffles} permutations of the library's targets under the same embedding).",
            "traces": f"Observed and forecast {settings.signal} in predicted clips, end to end, from the clip with the "
            f"smallest to the clip with the largest mean absolute error ({', '.join(shown)}).",
        },
        methods=_methods(metrics, settings, control_rate_hz),
    )


def _methods(metrics: dict[str, Any], settings: Settings, control_rate_hz: float) -> str:
    n, s = metrics["n"], metrics["settings"]
    ms = 1e3 / settings.rate_hz
    scaled = {
        "none": "Joint angles were used in radians.",
        "library": "Joint angles were z-scored with the mean and SD of the library.",
        "trial": "Joint angles and signals were z-scored within each clip.",
    }[settings.standardize]
    drawn = {
        "rollouts": "the training clips formed the library and the held-out clips were predicted",
        "fraction": f"clips were assigned at random (seed {settings.seed})",
    }[s["split"]]
    picked = ("averaged over" if settings.signal == "excitation" else "picked from") + f" {control_rate_hz:g} Hz"
    short = f" Too short to be used: {', '.join(n['clips_too_short'])}." if n["clips_too_short"] else ""
    return (
        f"Muscle {settings.signal} was forecast from joint angles by simplex projection (Sugihara & May 1990, "
        f"doi:10.1038/344734a0; pyEDM {s['pyEDM']}). Rollouts at {control_rate_hz:g} Hz were analysed at "
        f"{settings.rate_hz:g} Hz (joint angles picked, {settings.signal} {picked}). Each of the {len(s['joints'])} "
        f"joint angles ({', '.join(s['joints'])}) was delay-embedded (Takens 1981, doi:10.1007/BFb0091924) with "
        f"E = {settings.E} and tau = {settings.tau} ({-settings.tau * ms:g} ms into the past), giving vectors of "
        f"{len(s['joints']) * settings.E} coordinates. {scaled} The target Tp = {settings.Tp} samples "
        f"({settings.Tp * ms:g} ms) ahead is the average over the {settings.k} nearest library vectors, weighted by "
        f"exp(-d/d_min). Clips were never mixed: {drawn} ({n['library_clips']} and {n['predicted_clips']} clips, "
        f"{n['library_samples']} library samples, {n['predictions']} predictions), and trials are parted by empty "
        "rows so that neither a delay nor a forecast reaches from one into another. The control keeps the embedding "
        "and permutes the library's target values. Accuracy is Spearman's rho and Pearson's r over all predictions "
        f"together; samples within a clip are not independent.{short}"
    )
