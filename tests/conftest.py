"""Fixtures that every test file may use."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typecheck import shapes_unchecked
from where import SHARED_DATA

from mimic_core.chain import discover

QUICK = "not slow and not conformance"
"""Marks of `make test`: its programs run for moments, and are compiled in a third of the time if not optimised."""
QUICK_FLAGS = "--xla_cpu_use_fusion_emitters=false --xla_cpu_opt_preset=CPU_OPT_PRESET_FAST_COMPILE"
KNOWN_BY = "0.10."
"""Versions of jaxlib that have these flags; another would end the process at one that it does not know."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled programs of this test session in one folder, which worker and child processes share."""
    if config.option.markexpr == QUICK:
        os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        if version("jaxlib").startswith(KNOWN_BY):
            os.environ.setdefault("XLA_FLAGS", QUICK_FLAGS)
    if "MIMIC_CACHE_DIR" in os.environ:
        return
    folder = tempfile.mkdtemp(prefix="mimic-test-cache-")
    os.environ["MIMIC_CACHE_DIR"] = folder
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(Path(folder) / "compiled"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection(session: pytest.Session) -> None:
    """Look for no garbage while everything is imported."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spare the search for garbage the hundred thousands of objects that stay until the end; tracing makes many."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


RESIDENT_GIB = 1.2
"""Memory of a process above which programs are dropped within a module too; workers are to stay below 2 GiB."""


def _resident_gib() -> float:
    """Memory that the process holds; 0 where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30 if statm.is_file() else 0.0


def _drop_programs() -> None:
    """Drop compiled programs: a process keeps them all otherwise, several GiB in the end."""
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        gc.collect()
        if sys.platform == "linux":  # glibc keeps what is freed in small pieces, unless it is told to give it back
            with contextlib.suppress(AttributeError):
                ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture(scope="module", autouse=True)
def programs_are_dropped() -> Iterator[None]:
    """Drop compiled programs after each test module."""
    yield
    _drop_programs()


@pytest.fixture(autouse=True)
def memory_stays_low() -> Iterator[None]:
    """Drop compiled programs after a test that leaves much memory held."""
    yield
    if _resident_gib() > RESIDENT_GIB:
        _drop_programs()


@pytest.fixture
def without_shape_checks() -> Iterator[None]:
    """Shapes are not checked in this test."""
    with shapes_unchecked():
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings and reference models beside the checkout; tests skip where it is absent."""
    path = SHARED_DATA
    if not path.is_dir():
        pytest.skip(f"no real data at {path}")
    return path


@pytest.fixture(scope="session")
def plugins():
    """The installed plugins."""

    return discover()


@pytest.fixture(scope="session")
def toy_model(plugins):
    """The toy arm with its two muscles."""
    from toys import compile_body

    from mimic_core.testing.toy import toy_body

    return compile_body(plugins, toy_body())


@pytest.fixture(scope="session")
def toy_clips(toy_model):
    """Six clips of the toy arm, 40 frames (50 for the last) at 200 Hz."""
    from toys import make_clips

    return make_clips(toy_model, frames=(40, 40, 40, 40, 40, 50))


@pytest.fixture(scope="session")
def mouse_model(plugins):
    """The mouse forelimb, parameters of the paper, with its nine muscles."""
    from toys import compile_body

    return compile_body(plugins, plugins.get("body", "mouse_forelimb").make("paper"))


@pytest.fixture(scope="session")
def mouse(plugins):
    """The mouse forelimb, parameters of the paper, as data."""
    return plugins.get("body", "mouse_forelimb").make("paper")


@pytest.fixture(scope="session")
def truth(mouse, plugins):
    """Made-up reaches without noise and gaps: keypoints, and the joint angles behind them."""
    from mimic_core import BodyModel

    spec = plugins.get("generator", "reaches")
    make = spec.build(spec.config(clips=8, noise_mm=0.0, gap_share=0.0), BodyModel.compile(mouse), 3)
    return make.make()
