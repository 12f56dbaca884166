"""Marks of hooks: specifications in the core, implementations in plugins."""

from __future__ import annotations

import pluggy

PROJECT = "mimic"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
