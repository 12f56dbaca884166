"""Tables of the tracking error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mimic_core import Table


def window_table(of: Mapping[str, Mapping[str, Mapping[str, Any]]], caption: str) -> Table:
    """One row for each split and window, a column for each null model.

    Args:
        of: split → window → entry as plain data, see `mimic_tracking.findings.Entry`.
    """
    rows = [(split, window, e) for split, by in of.items() for window, e in by.items()]
    nulls = list(dict.fromkeys(name for *_, e in rows for name in e["nulls"]))
    return Table(
        columns=("split", "window", "controller", "95 % from", "to", *nulls),
        rows=[
            (s.replace("_", "-"), w, e["mean"], e["low"], e["high"], *(e["nulls"].get(n) for n in nulls))
            for s, w, e in rows
        ],
        caption=caption,
    )
