"""Forecasts by locally weighted linear maps (S-map), made by pyEDM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from mimic_core import DataError
from mimic_simplex.neighbours import Cloud, Neighbours, Stack
from mimic_simplex.nulls import plain_forecasts
from mimic_simplex.settings import SMapSettings

if TYPE_CHECKING:
    import pandas as pd


@attrs.frozen(eq=False)
class Vectors:
    """Delay vectors and what they are to forecast; the library comes first.

    Attributes:
        vector: (vector, coordinate).
        ahead: (vector,) the target Tp samples later.
        library: number of library vectors.
        clip: (prediction,) number of the clip of each vector that is forecast.
        sample: (prediction,) number of its sample in that clip.
        nulls: null model → (prediction,) what it forecasts; NaN where it cannot.
    """

    vector: np.ndarray
    ahead: np.ndarray
    library: int
    clip: np.ndarray
    sample: np.ndarray
    nulls: dict[str, np.ndarray]

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
        asked = cloud.row[predict]
        none = np.zeros((len(asked), 0))
        return cls(
            cloud.vector[at],
            ahead,
            len(library),
            stack.clip[asked],
            stack.sample[asked],
            {n: v[:, 0] for n, v in plain_forecasts(cloud, Neighbours(asked, none, none, settings.Tp)).items()},
        )

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
