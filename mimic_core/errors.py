"""Errors that a user can mend: one line each, naming what was wrong and the remedy."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from mimic_guard import Refused


class MimicError(Exception):
    """An error the user can mend. The command line prints it as one line and exits with status 1."""


class ConfigError(MimicError):
    """A setting is unknown, missing or out of range."""


class DataError(MimicError):
    """A file or array is not what was expected."""


class DataWarning(UserWarning):
    """Something about a file that a user should know. The command line prints it as one line."""


class PluginError(MimicError):
    """A plugin is broken, missing, or clashes with another one."""


class TrainingError(MimicError):
    """Training produced a number it cannot go on from."""


@contextlib.contextmanager
def blaming(mend: str, *places: Any) -> Iterator[None]:
    """Whatever is raised inside becomes one line that names ``places``, and of a library's error the ``mend``."""
    where = ", ".join(map(str, places))
    try:
        yield
    except MimicError as e:
        if any(str(place) in str(e) for place in places) or Path(str(e).partition(": ")[0]).exists():
            raise
        raise type(e)(f"{where}: {e}") from e
    except Refused as e:
        raise DataError(f"{where}: {e}") from e
    except Exception as e:
        why = f"{type(e).__name__}: {e}" if str(e) else type(e).__name__
        raise DataError(f"{where}: {mend} ({' '.join(why.split())[:100]})") from e


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``'; did you mean X?'`` for close matches of ``name``, else the list of known names."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    return f"; known: {', '.join(known)}" if known else "; none is installed"
