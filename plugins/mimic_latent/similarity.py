"""How alike two representations of the same instants are, whatever their axes."""

from __future__ import annotations

import numpy as np
from scipy.linalg import orthogonal_procrustes


def linear_cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return the linear centred kernel alignment of x (instant, n) and y (instant, m): 0 to 1.

    ``‖YᵀX‖² / (‖XᵀX‖·‖YᵀY‖)`` with Frobenius norms of centred features (Kornblith et al. 2019, eq. 4,
    arXiv:1905.00414). Rotations, reflections and a common scale do not change it; NaN where one of them is constant.
    """
    x, y = _centred(x), _centred(y)
    size = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(np.linalg.norm(y.T @ x) ** 2 / size) if size > 0 else float("nan")


def procrustes(x: np.ndarray, y: np.ndarray) -> float:
    """Return the orthogonal Procrustes similarity of x (instant, n) and y (instant, m): 0 to 1.

    Nuclear norm of ``XᵀY`` for centred features of Frobenius norm 1: the correlation of the two after the best
    rotation or reflection (the cosine of the angular shape distance of Williams et al. 2021, arXiv:2110.14739). The
    narrower one is filled up with zeros. NaN where one of them is constant.
    """
    x, y = _centred(x), _centred(y)
    size = np.linalg.norm(x) * np.linalg.norm(y)
    if not size > 0:
        return float("nan")
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(a, ((0, 0), (0, width - a.shape[1]))) for a in (x, y))
    return float(orthogonal_procrustes(x, y)[1] / size)


def _centred(a: np.ndarray) -> np.ndarray:
    a = np.asarray(a, float)
    centred = a - a.mean(axis=0)
    # what rounding leaves of a constant is not a representation
    return centred if np.linalg.norm(centred) > 1e-9 * max(np.linalg.norm(a), 1e-300) else np.zeros_like(a)
