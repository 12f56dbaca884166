"""What metrics are called in figures and tables."""

from __future__ import annotations

import re

_KNOWN = {
    r"rollout\.terms\.joint": ("joint reward (mean per step)", "joint reward"),
    r"spectral\.share\.mean": ("power above 10 Hz (share)", "above 10 Hz"),
    r"spectral\.power\.mean": ("power above 10 Hz (excitation²)", "power above 10 Hz"),
    r"emg\.(\w+)\.(\w+)\.mae": (r"EMG error, \1 (MAE)", r"\1 MAE"),
}


def label(metric: str) -> str:
    """Name of a metric for an axis; its dotted name where it is not a well-known one."""
    return _name(metric, 0)


def brief(metric: str) -> str:
    """Name of a metric for a column."""
    return _name(metric, 1)


def _name(metric: str, which: int) -> str:
    for pattern, texts in _KNOWN.items():
        if match := re.fullmatch(pattern, metric):
            return match.expand(texts[which])
    return metric
