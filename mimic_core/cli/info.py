"""``mimic info``"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from mimic_core.cli.common import Json, emit, load_plugins, working
from mimic_core.cli.show import table

BACKENDS = ("egl", "osmesa", "glfw")
"""Ways to draw that MuJoCo may have here, as ``MUJOCO_GL`` names them; those that need no screen first."""

_PROBE = "import mujoco; c = mujoco.GLContext(8, 8); c.make_current(); c.free()"


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
    emit(summary, json, [table("mimic", ["", ""], rows)])


def gather(plugins: Any) -> dict[str, Any]:
    """Return versions, devices, rendering backends and plugins."""
    import jax

    from mimic_core.records.provenance import versions
    from mimic_core.runtime import cache_directory

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


def renders(backend: str) -> bool:
    """Return whether MuJoCo can draw with ``backend``.

    It is tried in a process of its own, since MuJoCo chooses one per process.
    """
    env = {**os.environ, "MUJOCO_GL": backend}
    try:
        return subprocess.run([sys.executable, "-c", _PROBE], env=env, capture_output=True, timeout=30).returncode == 0
    except subprocess.TimeoutExpired:
        return False
