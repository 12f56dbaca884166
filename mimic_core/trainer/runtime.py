"""Preparing JAX once per process: compiled programs are kept on disk between runs."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import platformdirs


class _Prepared:
    """What `prepare_jax` has done in this process."""

    split = False


_prepared = _Prepared()


def cache_directory() -> Path:
    """Where compiled programs are kept: ``MIMIC_CACHE_DIR``, else ``mimic`` in the user's folder for caches."""
    return Path(os.environ.get("MIMIC_CACHE_DIR") or platformdirs.user_cache_path("mimic", appauthor=False))


@lru_cache(maxsize=1)
def prepare_jax() -> str:
    """Switch the on-disk cache of compiled programs on and return the platform (``cpu``, ``gpu``, ``tpu``).

    A cache or a number of CPU devices that the user has set for JAX stays. Otherwise each core of the processor is a
    device, so that programs can be spread over them. With ``MIMIC_PROCESSES``
    set, processes work as one: see `join_processes`.
    """
    import jax

    join_processes()
    _prepared.split = _split_processor()
    if not getattr(jax.config, "jax_compilation_cache_dir"):  # noqa: B009 (jax declares no settings)
        jax.config.update("jax_compilation_cache_dir", str(cache_directory() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    return jax.default_backend()


@contextmanager
def collection_paused() -> Iterator[None]:
    """Switch Python's garbage collector off for a while.

    While JAX traces a program it makes many objects, few of which are garbage; looking through them all takes a third
    of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _split_processor() -> bool:
    """Let each core of the processor be a device, unless the user has chosen their number; return whether it did."""
    import jax

    fixed = getattr(jax.config, "jax_num_cpu_devices") != -1  # noqa: B009
    chosen = fixed or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if chosen or cores == 1 or os.environ.get("MIMIC_PROCESSES"):
        return False
    try:
        jax.config.update("jax_num_cpu_devices", cores)
    except RuntimeError:  # JAX has computed something before, and its devices are fixed
        return False
    return True


def cores_are_devices() -> bool:
    """Whether the devices are the cores of this machine's processor, made so by `prepare_jax`."""
    import jax

    return _prepared.split and jax.default_backend() == "cpu"


def join_processes() -> None:
    """Join the processes that ``MIMIC_PROCESSES`` counts into one program, if it is set.

    ``JAX_COORDINATOR_ADDRESS`` is host:port of the first process, ``MIMIC_PROCESS_ID`` the number of this one, from 0.
    On a cluster that JAX knows (Slurm among them) both may be left out.

    Raises:
        ConfigError: one of them is not a whole number.
    """
    count = os.environ.get("MIMIC_PROCESSES")
    if not count:
        return
    import jax

    from mimic_core.errors import ConfigError

    rank = os.environ.get("MIMIC_PROCESS_ID")
    try:
        numbers: dict[str, Any] = {"num_processes": int(count), **({"process_id": int(rank)} if rank else {})}
    except ValueError as e:
        raise ConfigError(f"MIMIC_PROCESSES={count}, MIMIC_PROCESS_ID={rank}: must be whole numbers") from e
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(**numbers)
