"""Where things lie."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""Root of the checkout."""

SHARED_DATA = ROOT.parent / "shared" / "data"
"""Real recordings and reference models beside the checkout; tests skip where they are absent."""
