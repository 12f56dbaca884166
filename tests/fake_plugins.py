"""Makes real, installed-looking distributions for tests: a package beside its ``.dist-info`` folder."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
import textwrap
import traceback
import warnings
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest

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


def mimic(
    *args: object, site: Path | None = None, cwd: Path | None = None, apart: bool = False, together: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own would, with the distributions in ``site`` installed.

    It runs in this process, which spares it the imports; ``apart``: in one of its own. ``together``: what it says of
    errors is among what it prints.
    """
    words = [str(a) for a in args]
    draws = any(word.endswith(".png") for word in words)  # in a way that is chosen before MuJoCo is imported
    if not (apart or draws):
        return _here(words, site, cwd, together)
    return subprocess.run(
        [sys.executable, "-m", "mimic_core.cli", *words],
        env=environment(site),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if together else subprocess.PIPE,
        text=True,
        timeout=600,
    )


def _here(words: list[str], site: Path | None, cwd: Path | None, together: bool) -> subprocess.CompletedProcess[str]:
    import jax

    from mimic_core import cli
    from mimic_core.chain.installed import installed
    from mimic_core.cli.common import session

    def forget() -> None:
        installed.cache_clear()
        session.reset()
        session.loaded.clear()
        session.warned.clear()

    jax.devices()  # or a command would choose how many there are for all tests that follow
    there, out = set(sys.modules), io.StringIO()
    err, status = out if together else io.StringIO(), 0
    with (
        pytest.MonkeyPatch.context() as patch,
        mock.patch.dict(os.environ, environment(site)),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["mimic", *words])
        if cwd is not None:
            patch.chdir(cwd)
        if site is not None:
            patch.syspath_prepend(str(site))
        forget()
        try:
            cli.main()
        except SystemExit as e:
            status = e.code if isinstance(e.code, int) else int(e.code is not None)
        except Exception:
            traceback.print_exc()
            status = 1
        finally:
            forget()
            for name in set(sys.modules) - there:
                if name.startswith("mimic_file_plugin_") or _lies_in(site, sys.modules[name]):
                    del sys.modules[name]
    said = None if together else err.getvalue()
    return subprocess.CompletedProcess(["mimic", *words], status, out.getvalue(), said)


def _lies_in(site: Path | None, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return site is not None and file is not None and Path(file).is_relative_to(site)


def environment(site: Path | None = None) -> dict[str, str]:
    """Environment variables for a process that has the distributions in ``site`` installed."""
    env = {**os.environ, "JAX_PLATFORMS": "cpu", "COLUMNS": "200", "NO_COLOR": "1"}
    if site is not None:
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), env.get("PYTHONPATH", "")]))
    return env
