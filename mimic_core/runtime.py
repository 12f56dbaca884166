"""Preparing JAX once per process: compiled programs are kept on disk between runs."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path


def cache_directory() -> Path:
    """Where compiled programs are kept: ``MIMIC_CACHE_DIR``, else ``mimic`` in the user's cache folder."""
    given = os.environ.get("MIMIC_CACHE_DIR")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mimic"


@lru_cache(maxsize=1)
def prepare_jax() -> str:
    """Switch the on-disk cache of compiled programs on and return the platform (``cpu``, ``gpu``, ``tpu``).

    A cache that the user has set up for JAX is left as it is. With ``MIMIC_PROCESSES`` set, processes work as one:
    see `join_processes`.
    """
    import jax

    join_processes()
    if not jax.config.jax_compilation_cache_dir:
        jax.config.update("jax_compilation_cache_dir", str(cache_directory() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    return jax.default_backend()


def join_processes() -> None:
    """Join the processes that ``MIMIC_PROCESSES`` counts into one program, if it is set.

    ``JAX_COORDINATOR_ADDRESS`` is host:port of the first process, ``MIMIC_PROCESS_ID`` the number of this one, from 0.
    On a cluster that JAX knows (Slurm among them) both may be left out.

    Raises:
        ConfigError: a number is none.
    """
    count = os.environ.get("MIMIC_PROCESSES")
    if not count:
        return
    import jax

    from mimic_core.errors import ConfigError

    rank = os.environ.get("MIMIC_PROCESS_ID")
    try:
        numbers = {"num_processes": int(count), **({"process_id": int(rank)} if rank else {})}
    except ValueError as e:
        raise ConfigError(f"MIMIC_PROCESSES={count}, MIMIC_PROCESS_ID={rank}: must be whole numbers") from e
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(**numbers)
