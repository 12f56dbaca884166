"""Saying that something takes long while it does."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

COMPILING = "compiling_s"
"""the metric that progress is told while a program compiles: seconds since it began"""
EVERY_S = 5.0


@contextlib.contextmanager
def told_while(tell: Callable[[float], None], every_s: float = EVERY_S) -> Iterator[None]:
    """Call ``tell(seconds since the beginning)`` from another thread now and then, until the work is done."""
    done, began = threading.Event(), time.perf_counter()

    def run() -> None:
        while not done.wait(every_s):
            tell(time.perf_counter() - began)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
