"""How figures look: one style for all of them, and colours that are told apart with any colour vision.

The core draws in this style whatever an analysis draws: fonts, sizes and lines need not be set again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

BLUE, VERMILLION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
GREY = "#555555"
CYCLE = (BLUE, VERMILLION, GREEN, PINK, ORANGE, SKY, BLACK)
"""Okabe & Ito (2008), Color Universal Design; yellow is left out since thin lines of it vanish on white."""
SEQUENTIAL = "viridis"
"""colour map of quantities that grow; even in lightness"""
DIVERGING = "PuOr"
"""colour map of quantities with a middle"""

_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure everywhere
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "figure.labelsize": 10.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "lines.linewidth": 1.4,
    "figure.constrained_layout.use": True,
    "savefig.dpi": 150,
    "svg.hashsalt": "mimic",  # the same figure is the same file
    "pdf.fonttype": 42,  # text stays text, to be edited
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw and save in the project's style within this block."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context({**_RC, "axes.prop_cycle": cycler(color=CYCLE)}):
        yield
