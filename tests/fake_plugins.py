"""Makes real, installed-looking distributions for tests: a package beside its ``.dist-info`` folder."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

OFFLINE = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index")
"""Options that let pip install a package from a folder, with what this environment has."""

REWARD = """
    from mimic_core import RewardSpec, hookimpl

    @hookimpl
    def mimic_rewards():
        yield RewardSpec(name="{name}", build=lambda config, model: lambda step: step.activation.mean(),
                         summary="mean activation")
"""


def make_distribution(site: Path, name: str, source: str, version: str = "1.2") -> str:
    """Write distribution ``name`` into ``site`` with one module that its ``mimic`` entry point names.

    Returns:
        the plugin's name, ``distribution:entry point``.
    """
    module = name.replace("-", "_")
    info = site / f"{module}-{version}.dist-info"
    info.mkdir(parents=True)
    (site / module).mkdir()
    (site / module / "__init__.py").write_text(textwrap.dedent(source))
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[mimic]\nterms = {module}\n")
    (info / "RECORD").write_text(f"{module}/__init__.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
    return f"{name}:terms"


def cannot_build() -> str:
    """Why pip cannot install a package from a folder here; empty if it can."""
    missing = [name for name in ("pip", "setuptools") if importlib.util.find_spec(name) is None]
    if missing:
        return f"{' and '.join(missing)} not in this environment; install the extra 'dev'"
    if int(version("setuptools").split(".")[0]) < 77:
        return f"setuptools {version('setuptools')} is too old for the examples; install the extra 'dev'"
    return ""


def mimic(*args: object, site: Path | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, with the distributions in ``site`` installed."""
    return subprocess.run(
        [sys.executable, "-m", "mimic_core.cli", *map(str, args)],
        env=environment(site),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def environment(site: Path | None = None) -> dict[str, str]:
    """Environment variables for a process that has the distributions in ``site`` installed."""
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "COLUMNS": "200", "NO_COLOR": "1"}
    if site is not None:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), env.get("PYTHONPATH", "")]))
    return env
