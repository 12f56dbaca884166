"""The hooks of all rooms together, and the plugins that are installed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache

from mimic_core.analysis import hooks as analysis_hooks
from mimic_core.body import hooks as body_hooks
from mimic_core.chain import hooks as chain_hooks
from mimic_core.chain.loading import LoadedPlugins
from mimic_core.control import hooks as control_hooks
from mimic_core.physics import hooks as physics_hooks
from mimic_core.plugins import hooks as plugin_hooks
from mimic_core.records import hooks as record_hooks
from mimic_core.registration import hooks as registration_hooks
from mimic_core.task import hooks as task_hooks

HOOKS = (
    body_hooks,
    record_hooks,
    registration_hooks,
    physics_hooks,
    task_hooks,
    control_hooks,
    analysis_hooks,
    chain_hooks,
    plugin_hooks,
)
"""Modules of hook specifications, in the order of the chain."""


def discover(preferences: Mapping[str, str] | None = None) -> LoadedPlugins:
    """Return every installed plugin, found anew."""
    plugins = LoadedPlugins(HOOKS, preferences)
    plugins.discover()
    return plugins


@lru_cache(maxsize=1)
def installed() -> LoadedPlugins:
    """Return the installed plugins, discovered once per process; broken ones are named on stderr."""
    plugins = discover()
    for broken in plugins.broken:
        print(f"mimic: warning: {broken}", file=sys.stderr)
    return plugins
