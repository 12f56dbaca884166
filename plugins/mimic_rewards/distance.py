"""Distances of keypoints as they are reported: in millimetres of the animal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mimic_core import BodyModel, StepView

ROUNDING_MM = 0.001
"""Below this distance, mm, the cone of the distance is rounded off, so that its slope exists at 0."""


def distances_mm(keypoints: np.ndarray, model: BodyModel) -> Callable[[StepView], Any]:
    """Return a function of the step that gives (keypoint,) distances from the reference, mm of the animal.

    They are √(d² + ε²) − ε with ε = `ROUNDING_MM`, so at most ε smaller than d, and 0 where d is.
    """
    import jax.numpy as jnp

    to_mm = 1e3 * model.body.scale

    def distances(step: StepView) -> Any:
        squared = ((to_mm * (step.site_pos[keypoints] - step.ref.site_pos[keypoints])) ** 2).sum(axis=-1)
        return squared / (jnp.sqrt(squared + ROUNDING_MM**2) + ROUNDING_MM)

    return distances
