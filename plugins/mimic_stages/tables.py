"""Rows of the tables that stages show in a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def error_rows(summary: Mapping[str, Any], label: str) -> list[tuple[Any, ...]]:
    """Rows of an error summary, see `mimic_core.records.error_summary`: all together, then every keypoint."""
    return [
        (label, *(summary[k] for k in ("mean", "median", "p95", "max"))),
        *((f"  {name}", mean, "", "", "") for name, mean in summary["per_keypoint"].items()),
    ]
