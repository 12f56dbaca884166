"""Fixtures that every test file may use."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings and reference models beside the checkout; tests skip where it is absent."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip(f"no real data at {path}")
    return path


@pytest.fixture(scope="session")
def plugins():
    """The installed plugins."""
    from mimic_core.plugins import Plugins

    return Plugins.discover()
