"""Marks of hooks: specifications in the core, implementations in plugins."""

from __future__ import annotations

import pluggy

PROJECT = "mimic"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

MIMIC_API = 1
"""Version of the interface between core and plugins. It changes when a plugin written for the old one would break."""
