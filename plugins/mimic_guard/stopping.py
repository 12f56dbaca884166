"""Being stopped: between two iterations and not in the midst of one, or at once, whatever is being computed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

STOPPING = (signal.SIGINT, signal.SIGTERM)
PATIENCE_S = 1.0
"""Within it Python is to hear of a signal."""
UNWINDING_S = 5.0
"""And within it, what was being done is to end: a library that calls Python may drop what is raised there."""
_endings: list[Callable[[], str | None]] = []
_unheard: list[int] = []
"""how many signals each block of `asked_to_stop` was sent, the innermost last"""
_over = threading.Event()


class _Block:
    """What happens in a block of `ends_when_asked`; each has its own, so that none answers for another's signals."""

    def __init__(self) -> None:
        self.raised, self.unwound = threading.Event(), threading.Event()


_blocks: list[_Block] = []
"""those that have begun and not ended, the innermost last"""


@contextlib.contextmanager
def asked_to_stop() -> Iterator[list[str]]:
    """Yield a list that Ctrl-C and SIGTERM put their names into, instead of breaking in; a second one does break in.

    In another thread than the first, which signals do not reach, it stays empty.
    """
    asked: list[str] = []

    def ask(number: int, frame: object) -> None:
        if asked:
            _break_in(number, frame)
        asked.append(signal.Signals(number).name)
        print("mimic: stopping after this iteration; once more stops at once", file=sys.stderr, flush=True)

    here = threading.current_thread() is threading.main_thread()
    before = {n: signal.signal(n, ask) for n in STOPPING} if here else {}
    _unheard.append(0)
    try:
        yield asked
    finally:
        _unheard.pop()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def at_the_end(clear: Callable[[], str | None]) -> Iterator[None]:
    """Have ``clear`` called where the process is ended within this block, see `ends_when_asked`.

    It runs in another thread, while this one stands still, and may return what is to be said. Where the block is left
    in any other way, it is not called: what leaves it clears up itself.
    """
    _endings.append(clear)
    try:
        yield
    finally:
        _endings.remove(clear)


@contextlib.contextmanager
def telling(kept: Callable[[], str]) -> Iterator[None]:
    """Say what is kept where Ctrl-C or SIGTERM ends this block; nothing where ``kept`` returns nothing."""
    with at_the_end(kept):
        try:
            yield
        except KeyboardInterrupt as e:
            for block in _blocks[-1:]:
                block.unwound.set()
            if said := kept():
                e.add_note(said)
            raise


@contextlib.contextmanager
def ends_when_asked() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end this process within about a second, whatever is done in this block.

    They raise `KeyboardInterrupt`. But Python hears of a signal between two of its own steps, and a library may compute
    for minutes in one of them, or drop what is raised. Another thread learns of the signal at once: where that did
    not come up in time, it clears up what was given to `at_the_end`, says what that returned, and ends the process.
    In another thread than the first, which signals do not reach, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    block = _Block()
    _blocks.append(block)
    before = {number: signal.signal(number, _break_in) for number in STOPPING}
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    old = signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiving, block), daemon=True).start()
    try:
        yield
    finally:
        _blocks.remove(block)
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler)
        block.raised.set()  # nothing of it is left to be ended, however late its thread hears of a signal
        block.unwound.set()
        os.close(sending)  # its thread reads the end of the file and ends


def _break_in(number: int, _: object) -> NoReturn:
    if _over.is_set():
        threading.Event().wait()  # the other thread is ending the process
    for block in _blocks[-1:]:
        block.raised.set()
    raise KeyboardInterrupt(signal.Signals(number).name)


def _watch(receiving: int, block: _Block) -> None:
    while sent := os.read(receiving, 1):
        number = sent[0]
        if block not in _blocks or number not in STOPPING:
            continue
        if getattr(signal.getsignal(number), "__module__", "") != __name__:
            continue
        if _unheard:
            _unheard[-1] += 1
            if _unheard[-1] == 1:
                continue  # what is computed is to be kept
        if not (block.raised.wait(PATIENCE_S) and block.unwound.wait(UNWINDING_S)):
            _over.set()
            said = []
            for clear in reversed(_endings.copy()):
                with contextlib.suppress(Exception):
                    said.append(clear())
            end(number, [text for text in said if text])
        if block in _blocks:
            block.raised.clear()  # the next one is to break in too
            block.unwound.clear()
    os.close(receiving)


def end(number: int, kept: Sequence[str]) -> NoReturn:
    """Say what is kept and end the process, without waiting for what a library still computes.

    Args:
        number: of the signal, which the exit status is made of.
        kept: what to say.
    """
    shown = "\x1b[?25h\n" if os.isatty(2) else ""  # a progress bar hides the cursor
    said = "; ".join(["mimic: stopped", *kept, "the same command goes on where it can"])
    if threading.current_thread() is threading.main_thread():  # which else may be in the midst of writing
        with contextlib.suppress(Exception):
            sys.stdout.flush()
    with contextlib.suppress(OSError):
        os.write(2, f"{shown}{said}\n".encode())
    os._exit(128 + number)
