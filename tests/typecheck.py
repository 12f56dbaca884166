"""The type checker that tests enforce jaxtyping's shape annotations with; an int is accepted where a float is meant."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import jaxtyping
from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))


@contextlib.contextmanager
def shapes_unchecked() -> Iterator[None]:
    """Spare long loops the check of shapes, which takes longer than they do; other tests call the same functions."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        jaxtyping.config.update("jaxtyping_disable", before)
