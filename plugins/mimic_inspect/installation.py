"""``mimic info``: versions, devices, rendering backends."""

from __future__ import annotations

import os
import sys
from typing import Any

from mimic_core import Table
from mimic_core.cli import Json, emit, load_plugins, working
from mimic_core.plugins import Plugins


def info(json: Json = False) -> None:
    """Say what this installation has: versions, devices, rendering backends, plugins.

    Example: `mimic info --json`
    """
    plugins = load_plugins()
    with working(plugins):
        summary = gather(plugins)
    rows = [[k, v] for k, v in summary["versions"].items()]
    rows += [
        ["devices", ", ".join(summary["devices"])],
        ["cores", summary["cores"]],
        ["rendering", ", ".join(b for b, ok in summary["rendering"].items() if ok) or "none"],
        ["compiled programs", summary["cache"]],
        ["plugins", f"{len(summary['plugins'])} working, {len(summary['broken'])} broken"],
    ]
    emit(summary, json, [Table(columns=("", ""), rows=rows, caption="mimic")])


def gather(plugins: Plugins) -> dict[str, Any]:
    """Return versions, devices, rendering backends and plugins."""
    import jax

    from mimic_core.chain import versions
    from mimic_core.trainer import cache_directory
    from mimic_drawing import BACKENDS, renders

    found = versions(plugins)
    return {
        "versions": {"python": sys.version.split()[0], **{k: v for k, v in found.items() if ":" not in k}},
        "devices": [str(d) for d in jax.devices()],
        "platform": jax.default_backend(),
        "cores": os.cpu_count(),
        "rendering": {b: renders(b) for b in BACKENDS},
        "cache": str(cache_directory()),
        "plugins": plugins.versions,
        "broken": [str(b) for b in plugins.broken],
    }
