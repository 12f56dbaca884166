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


def reaches(rng, n, samples):
    """(trial, sample) a drive that differs from trial to trial: a bump of its own time, width and height, and drift."""
    t = np.linspace(0, 1, samples)
    at, width, height = 0.4 + 0.08 * rng.standard_normal(n), 0.12 * np.exp(0.2 * rng.standard_normal(n)), rng.random(n)
    bump = (0.7 + height)[:, None] * np.exp(-0.5 * ((t - at[:, None]) / width[:, None]) ** 2)
    turns = 2 * np.pi * rng.random((n, 3))
    drift = [0.15 / k * np.sin(np.pi * k * t + turns[:, k - 1, None]) for k in (1, 2, 3)]
    return bump + sum(drift)


def autoregressive(rng, n, samples, phi):
    """(trial, sample) x' = phi x + noise, of unit variance."""
    x = np.zeros((n, samples))
    x[:, 0] = rng.standard_normal(n)
    for i in range(1, samples):
        x[:, i] = phi * x[:, i - 1] + np.sqrt(1 - phi**2) * rng.standard_normal(n)
    return x


def uncoupled(rng, n=16, samples=70, kind="smooth"):
    """Two signals (trial, sample) with a drive that they share in each trial, and dynamics of their own.

    The drive of ``smooth`` and ``bent`` is slow, that of ``fast`` is as fast as the signals; ``bent`` is followed
    through a square; the signals of ``chaotic`` are logistic maps whose growth the drive shifts, and which it adds to.
    """
    if kind == "chaotic":
        return driven_maps(rng, 0.0, n, samples)
    if kind == "fast":
        drive = autoregressive(rng, n, samples + 2, 0.9)
        own = [0.7 * autoregressive(rng, n, samples, 0.8) for _ in range(2)]
        return drive[:, 2:] + own[0], drive[:, :-2] + own[1]
    drive = reaches(rng, n, samples + 3)
    own = [0.15 * autoregressive(rng, n, samples, 0.8) for _ in range(2)]
    late = 2 * (drive[:, :-3] - 0.5) ** 2 if kind == "bent" else np.tanh(1.5 * drive[:, :-3])
    return drive[:, 3:] + own[0], late + own[1]


def driven_maps(rng, coupling, n=16, samples=70):
    """Two logistic maps (trial, sample) with a shared drive; the second pushes the first with this strength."""
    drive = reaches(rng, n, samples)
    drive = (drive - drive.min()) / np.ptp(drive)
    a, b = rng.uniform(0.2, 0.8, (2, n, 1)) * np.ones((2, n, samples))
    for i in range(1, samples):
        growth = 0.25 * drive[:, i - 1]
        b[:, i] = np.clip(b[:, i - 1] * (3.6 + growth) * (1 - b[:, i - 1]), 1e-3, 1)
        pushed = coupling * b[:, i - 1]
        a[:, i] = np.clip(a[:, i - 1] * ((3.55 + growth) * (1 - a[:, i - 1]) - pushed), 1e-3, 1)
    return a + 0.5 * drive, b + 0.5 * drive
