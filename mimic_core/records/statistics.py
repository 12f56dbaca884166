"""Errors, summarised in the same way wherever they are reported."""

from __future__ import annotations

from typing import Any

import numpy as np


def error_summary(error_mm: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Summarise errors (…, keypoint) in mm.

    Missing (NaN) entries are left out. What has no entry left, a keypoint or the whole array, is None: JSON has no NaN.
    """
    return {
        **describe(error_mm),
        "per_keypoint": {n: describe(error_mm[..., i])["mean"] for i, n in enumerate(names)},
    }


def describe(errors: np.ndarray) -> dict[str, float | None]:
    """Return ``mean``, ``median``, ``p95`` (95th percentile) and ``max`` of what is finite; None where nothing is."""
    e = errors[np.isfinite(errors)]
    if not e.size:
        return dict.fromkeys(("mean", "median", "p95", "max"))
    return {
        "mean": float(e.mean()),
        "median": float(np.median(e)),
        "p95": float(np.percentile(e, 95)),
        "max": float(e.max()),
    }
