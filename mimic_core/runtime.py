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

    A cache that the user has set up for JAX is left as it is.
    """
    import jax

    if not jax.config.jax_compilation_cache_dir:
        jax.config.update("jax_compilation_cache_dir", str(cache_directory() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    return jax.default_backend()
