"""Saying what was not finite first: which number, in which environment, at which control step."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from mimic_core.control.policy import Trainer


def describe_fault(trainer: Trainer, state: Any, phase: int, metric: str) -> str:
    """Name the first number that is not finite when the iteration after ``state`` is computed again.

    ``metric`` is the averaged number in which the fault was noticed; it is named where nothing else is found, and where
    the trainer has no ``retrace`` (see `mimic_core.Trainer`).
    """
    retrace = getattr(trainer, "retrace", None)
    if retrace is None:
        return f"{metric} is not finite"
    trace = jax.device_get(jax.jit(lambda s: retrace(s, phase))(state))
    found = (_first(order, name, np.asarray(a)) for order, (name, a) in enumerate(trace.items()))
    first = min(filter(None, found), default=None)
    if first is None:
        return f"{metric} is not finite"
    *_, step, environment, name = first
    return f"{name} is not finite at control step {step} of environment {environment}"


def _first(order: int, name: str, trace: np.ndarray) -> tuple[int, int, int, int, int, str] | None:
    """(of a gradient, when, ``order``, step, environment, name) of the first entry that is not finite, or None.

    What is smallest was first. A gradient flows backwards in time: its first fault is the last one in the trace, and it
    counts only where everything that it was computed from is finite.
    """
    bad = ~np.isfinite(trace.reshape(*trace.shape[:2], -1)).all(axis=-1)
    if not bad.any():
        return None
    backward = name.startswith("gradient")
    steps = np.flatnonzero(bad.any(axis=1))
    step = int(steps[-1] if backward else steps[0])
    return int(backward), -step if backward else step, order, step, int(np.flatnonzero(bad[step])[0]), name
