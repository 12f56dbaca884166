"""S-map: whether local linear maps forecast better than one linear map, i.e. whether the dynamics are nonlinear."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import attrs
import numpy as np

from mimic_core import Context, Inputs, Result, Table
from mimic_simplex import pool
from mimic_simplex.findings import FEWEST_CLIPS, Nonlinearity
from mimic_simplex.local_maps import Vectors, smap
from mimic_simplex.scores import pearson, spearman
from mimic_simplex.settings import SMapSettings
from mimic_simplex.variables import source_of, stacks_of, synthetic, variables_of

_LARGEST_Z = 0.999999


def _job(vectors: dict[str, Vectors], job: tuple[str, float]) -> np.ndarray:
    return smap(vectors[job[0]], job[1])


def nonlinearity(predicted: np.ndarray, observed: np.ndarray, clip: np.ndarray, settings: SMapSettings) -> Nonlinearity:
    """Judge forecasts (theta, prediction).

    For each clip theta is chosen on the other clips, so that the choice itself gains nothing.
    """
    theta = np.array(settings.theta)
    z = np.array([[_z(spearman(observed[clip == c], p[clip == c])) for c in np.unique(clip)] for p in predicted])
    z = z[:, np.isfinite(z).all(0)]
    gain = low = high = float("nan")
    n = z.shape[1]
    if n > 1:
        others = (z.sum(1, keepdims=True) - z).argmax(0)
        gains = z[others, np.arange(n)] - z[np.flatnonzero(theta == 0)[0]]
        draws = np.random.default_rng(settings.seed).integers(0, n, (settings.resamples, n))
        gain = float(gains.mean())
        low, high = map(float, np.quantile(gains[draws].mean(1), (0.025, 0.975)))
    rho = np.array([spearman(observed, p) for p in predicted])
    r = np.array([pearson(observed, p) for p in predicted])
    top = float(theta[np.nanargmax(rho)]) if np.isfinite(rho).any() else float("nan")
    return Nonlinearity(rho, r, top, gain, low, high, n)


def _z(rho: float) -> float:
    return float(np.arctanh(np.clip(rho, -_LARGEST_Z, _LARGEST_Z)))


def analysis(settings: SMapSettings):
    """Return ``analyse(inputs, context) -> Result``, which reads rollouts and, where there is some, EMG."""

    def analyse(inputs: Inputs, context: Context) -> Result:
        source = source_of("smap", inputs.one("rollouts"), inputs.maybe("emg"), settings)
        variables = variables_of(source, settings.variables)
        stacks, how = stacks_of(source, variables, settings)
        vectors = {v: Vectors.of(stack, settings) for v, stack in stacks.items()}
        jobs = [(v, theta) for v in vectors for theta in settings.theta]
        done = dict(zip(jobs, pool.run(_job, jobs, vectors, settings.workers, context.progress), strict=True))
        found = {
            v: nonlinearity(
                np.stack([done[v, theta] for theta in settings.theta]), x.ahead[x.library :], x.clip, settings
            )
            for v, x in vectors.items()
        }
        return _result(found, vectors, how, settings, synthetic(source, variables))

    return analyse


def _result(
    found: dict[str, Nonlinearity],
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
            "rho_linear": float(f.rho[zero]),
            "gain_z": f.gain,
            "gain_z_low": f.low,
            "gain_z_high": f.high,
            "clips": f.clips,
            "nonlinear": None if f.verdict == "undecided" else f.verdict == "nonlinear",
        }
        for v, f in found.items()
    }
    settings_used = {**attrs.asdict(settings), "variables": list(found), "split": how, "pyEDM": version("pyEDM")}
    return Result(
        metrics={**metrics, "settings": settings_used, **origin},
        tables={
            "nonlinearity": Table(
                columns=("variable", "theta", "rho", "rho at 0", "gain (z)", "95 % low", "95 % high", "verdict"),
                rows=[
                    (title(v), m["theta"], m["rho"], m["rho_linear"], f.gain, f.low, f.high, f.verdict)
                    for (v, f), m in zip(found.items(), metrics.values(), strict=True)
                ],
                caption="Forecast by local maps (theta with the highest rho) against one linear map. The gain is the "
                "mean over clips of Fisher's z at the theta chosen on the other clips, less that at theta 0. With "
                f"fewer than {FEWEST_CLIPS} clips the verdict is undecided.",
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
        figures={"theta": map_figures.theta_curves(found, settings)},
        captions={
            "theta": f"Spearman's rho of S-map forecasts {1e3 * settings.Tp / settings.rate_hz:g} ms ahead over theta. "
            "At theta 0 one linear map serves everywhere; the larger theta, the more local the maps. A curve that "
            "rises from 0 shows nonlinear dynamics; the legend gives the verdict."
        },
        methods=smap_methods(found, vectors, how, settings)
        + f" With fewer than {FEWEST_CLIPS} predicted clips no verdict is given.",
    )
