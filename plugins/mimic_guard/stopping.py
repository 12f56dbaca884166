"""Being stopped between two iterations, and not in the midst of one."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def asked_to_stop() -> Iterator[list[str]]:
    """Yield a list that Ctrl-C and SIGTERM put their names into, instead of breaking in; a second one does break in.

    In another thread than the first, which signals do not reach, it stays empty.
    """
    asked: list[str] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt(signal.Signals(number).name)
        asked.append(signal.Signals(number).name)
        print("mimic: stopping after this iteration; once more stops at once", file=sys.stderr, flush=True)

    here = threading.current_thread() is threading.main_thread()
    before = {n: signal.signal(n, ask) for n in (signal.SIGINT, signal.SIGTERM)} if here else {}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
