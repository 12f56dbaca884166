"""Trials of hand-made and of pyEDM's own series."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mimic_simplex.trials import Trial

LENGTHS = (120, 100, 120, 90, 120, 61, 120, 110)
"""Control steps of the clips of synthetic rollouts."""

FLEXOR = "muscle:elbow_flexor"


def trial(x, y, clip, library=True, predict=True):
    x, y = (np.asarray(v, float).reshape(len(v), -1) for v in (x, y))
    n = np.arange(len(x))
    return Trial(clip, library, predict, n / 200, n, x, y)


def sample(name, column, first, last):
    """Rows (from 1, both included) of one of pyEDM's sample series."""
    from pyEDM import sampleData

    return sampleData[name][column].to_numpy(float)[first - 1 : last]


def validation(name):
    """One of the files that pyEDM's own tests compare with, from the installed package."""
    import pandas as pd
    import pyEDM

    file = Path(pyEDM.__file__).parent / "tests" / "validation" / name
    if not file.exists():
        pytest.skip(f"this installation of pyEDM comes without {name}")
    return pd.read_csv(file)
