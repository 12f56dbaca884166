"""S-map: whether local linear maps forecast better than one linear map, i.e. whether the dynamics are nonlinear."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from mimic_core import DataError, Emg, Result, Rollouts, Table
from mimic_simplex import pool
from mimic_simplex.neighbours import Cloud, Stack
from mimic_simplex.scores import pearson, spearman
from mimic_simplex.sweep import source_of, stacks_of, variables_of

if TYPE_CHECKING:
    import pandas as pd

    from mimic_simplex.settings import SMapSettings

_LARGEST_Z = 0.999999

FEWEST_CLIPS = 6
"""With fewer, chance alone puts the whole bootstrap interval above 0 too often for a verdict."""


@attrs.frozen(eq=False)
class Vectors:
    """Delay vectors and what they are to forecast; the library comes first.

    Attributes:
        vector: (vector, coordinate).
        ahead: (vector,) the target Tp samples later.
        library: number of library vectors.
        clip: (prediction,) number of the clip of each vector that is forecast.
    """

    vector: np.ndarray
    ahead: np.ndarray
    library: int
    clip: np.ndarray

    @classmethod
    def of(cls, stack: Stack, settings: SMapSettings) -> Vectors:
        """Collect the vectors whose target lies in the same trial.

        Raises:
            DataError: there are too few.
        """
        cloud = Cloud(stack, settings.E, settings.tau)
        kept = stack.left[cloud.row] >= settings.Tp
        library, predict = (np.flatnonzero(kept & side[cloud.row]) for side in (stack.library, stack.predict))
        if len(library) <= cloud.vector.shape[1] + 1 or len(predict) < 2:
            raise DataError(
                f"smap: E = {settings.E}, tau = {settings.tau}, Tp = {settings.Tp} at {settings.rate_hz:g} Hz leave "
                f"{len(library)} library vectors and {len(predict)} to predict; use longer clips or smaller values"
            )
        at = np.concatenate([library, predict])
        row = cloud.row[at]
        ahead = stack.targets[row + settings.Tp, 0]
        return cls(cloud.vector[at], ahead, len(library), stack.clip[cloud.row[predict]])

    def frame(self) -> pd.DataFrame:
        """A table as pyEDM reads it: embedded, and with the target already Tp samples ahead."""
        import pandas as pd

        columns = [f"v{i}" for i in range(self.vector.shape[1])]
        frame = pd.DataFrame(self.vector, columns=columns)
        frame.insert(0, "Time", np.arange(1, len(frame) + 1))
        return frame.assign(ahead=self.ahead)


def smap(vectors: Vectors, theta: float) -> np.ndarray:
    """(prediction,) forecasts by pyEDM's S-map (Sugihara 1994): a linear map weighted by exp(-theta d / mean d)."""
    from pyEDM import SMap

    n = len(vectors.ahead)
    out = SMap(
        dataFrame=vectors.frame(),
        columns=[f"v{i}" for i in range(vectors.vector.shape[1])],
        target="ahead",
        lib=[1, vectors.library],
        pred=[vectors.library + 1, n],
        Tp=0,
        knn=vectors.library,
        theta=theta,
        embedded=True,
        kdWorkers=1,
    )
    return out["predictions"]["Predictions"].to_numpy()[-(n - vectors.library) :]


def _job(vectors: dict[str, Vectors], job: tuple[str, float]) -> np.ndarray:
    return smap(vectors[job[0]], job[1])


@attrs.frozen(eq=False)
class Nonlinearity:
    """What local maps gain over one linear map.

    Attributes:
        rho, r: (theta,) over all predictions together.
        theta: with the highest rho.
        gain: mean over clips of Fisher's z of rho at the theta chosen on the other clips, less that at theta 0.
        low, high: 95 % interval of the gain, bootstrap over clips.
        clips: number of clips.
    """

    rho: np.ndarray
    r: np.ndarray
    theta: float
    gain: float
    low: float
    high: float
    clips: int

    @property
    def verdict(self) -> str:
        """``nonlinear`` if the whole interval lies above 0; ``undecided`` with fewer than `FEWEST_CLIPS` clips."""
        if self.clips < FEWEST_CLIPS:
            return "undecided"
        return "nonlinear" if self.low > 0 else "not shown"


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
    """Return ``analyse(rollouts, emg=None, progress=None) -> Result`` for these settings."""

    def analyse(
        rollouts: Rollouts, emg: Emg | None = None, progress: Callable[[float, float], None] | None = None
    ) -> Result:
        source = source_of("smap", rollouts, emg, settings)
        stacks, how = stacks_of(source, variables_of(source, settings.variables), settings)
        vectors = {v: Vectors.of(stack, settings) for v, stack in stacks.items()}
        jobs = [(v, theta) for v in vectors for theta in settings.theta]
        done = dict(zip(jobs, pool.run(_job, jobs, vectors, settings.workers, progress), strict=True))
        found = {
            v: nonlinearity(
                np.stack([done[v, theta] for theta in settings.theta]), x.ahead[x.library :], x.clip, settings
            )
            for v, x in vectors.items()
        }
        return _result(found, vectors, how, settings)

    return analyse


def _result(found: dict[str, Nonlinearity], vectors: dict[str, Vectors], how: str, settings: SMapSettings) -> Result:
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
        metrics={**metrics, "settings": settings_used},
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
