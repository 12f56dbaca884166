"""How figures look: one style for all of them, and colours that are told apart with any colour vision.

The core draws in this style whatever an analysis draws: fonts, sizes and lines need not be set again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

BLUE, VERMILLION, GREEN, PINK = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, YELLOW, BLACK = "#E69F00", "#56B4E9", "#F0E442", "#000000"
GREY = "#555555"
CYCLE = (BLUE, VERMILLION, GREEN, PINK, ORANGE, SKY, BLACK)
"""Okabe & Ito (2008), Color Universal Design; yellow is left out since thin lines of it vanish on white."""
SEQUENTIAL = "viridis"
"""colour map of quantities that grow; even in lightness"""
DIVERGING = "PuOr"
"""colour map of quantities with a middle"""

_STYLE = Path(__file__).with_name("mimic.mplstyle")


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw and save in the project's style within this block."""
    import matplotlib as mpl
    from cycler import cycler

    with mpl.rc_context({"axes.prop_cycle": cycler(color=CYCLE)}, _STYLE):
        yield
