"""The same forecast by pyEDM, to check ours against."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np

from mimic_simplex.findings import Peer
from mimic_simplex.neighbours import Cloud, Neighbours, Stack


def pyedm_forecast(
    stack: Stack, E: int, tau: int, tp: int, k: int, target: int, clip: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows (forecast,) forecast from and the forecasts (forecast,) that pyEDM's ``Simplex`` makes.

    The trials lie under one another, parted by empty rows, so that neither a delay nor a forecast reaches from one into
    the next. Trials with a single forecast are left out: pyEDM takes none.

    Args:
        clip: predict this clip from all others, instead of the predicted clips from the library.
    """
    import pandas as pd
    from pyEDM import Simplex

    pad = E * -tau + tp
    number = np.arange(len(stack.clip)) + (stack.trial + 1) * pad
    columns = [f"p{i}" for i in range(stack.predictors.shape[1])]
    table = np.full((number[-1] + 1 + pad, len(columns) + 1), np.nan)
    table[number] = np.column_stack([stack.predictors, stack.targets[:, target]])
    frame = pd.DataFrame(table, columns=[*columns, "target"])
    frame.insert(0, "Time", np.arange(1, len(frame) + 1))
    library, predict = [], []
    need = (E - 1) * -tau + tp
    for t in np.unique(stack.trial):
        rows = np.flatnonzero(stack.trial == t)
        first, last, n, own = number[rows[0]] + 1, number[rows[-1]] + 1, len(rows), stack.clip[rows[0]]
        if stack.library[rows[0]] and own != clip and n > need:
            library.append((first, last - tp))
        if (own == clip if clip is not None else stack.predict[rows[0]]) and n > need + 1:
            predict.append((first, last - tp))
    nothing = np.zeros(0, int), np.zeros(0)
    if not library or not predict:
        return nothing
    library[-1] = library[-1][0], library[-1][1] + tp  # pyEDM shortens the last span by Tp itself, and only that one
    try:
        out = Simplex(
            dataFrame=frame,
            columns=columns,
            target="target",
            lib=[int(x) for span in library for x in span],
            pred=[int(x) for span in predict for x in span],
            E=E,
            tau=tau,
            Tp=tp,
            knn=k,
            kdWorkers=1,
        )
    except ValueError:  # it refuses libraries shorter than embedding and horizon
        return nothing
    made = out[out["Predictions"].notna() & out["Observations"].notna()]
    row_of = np.full(len(frame), -1)
    row_of[number] = np.arange(len(number))
    return row_of[made["Time"].to_numpy(int) - 1 - tp], made["Predictions"].to_numpy()


def largest_difference(cloud: Cloud, found: Neighbours, forecasts: np.ndarray, target: int) -> Peer:
    """Compare the forecasts (forecast,) of one target with pyEDM's; where clips are left out, those of the first."""
    stack = cloud.stack
    out = stack.library[found.row]
    clip = int(stack.clip[found.row[0]]) if out.any() else None
    ours = np.full(len(stack.clip), np.nan)
    ours[found.row] = forecasts
    rows, theirs = pyedm_forecast(stack, cloud.E, cloud.tau, found.Tp, found.near.shape[1], target, clip)
    return Peer(version("pyEDM"), len(rows), float(np.abs(ours[rows] - theirs).max(initial=0.0)))
