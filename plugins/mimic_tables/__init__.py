"""How tables of text are written: their encoding, separator and decimal sign, by what is in them."""

from __future__ import annotations

import codecs
import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mimic_core import DataError

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_LINE = 1 << 20
_SAID = re.compile(r'"?sep=(.)"?[,;\t]*', re.IGNORECASE)
"""A first line by which spreadsheets tell the separator; it is none of the table."""
_TIME = re.compile(r"(?:time|timestamp|timestamps)(?:[_ ]?[(\[]?(s|sec|seconds|ms|us|µs|μs|ns)[)\]]?)?", re.IGNORECASE)
_SECONDS = {"m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9}


class Dialect(NamedTuple):
    """How a table is written."""

    encoding: str
    separator: str
    decimal: str
    begins: int = 0
    """number of the table's first line; 1 where the one before only says the separator"""


def seconds(name: str) -> float | None:
    """The unit, in s, of a column of times: ``time``, ``time_ms``, ``Timestamp (us)``; None for another column."""
    found = _TIME.fullmatch(name.strip())
    return None if found is None else _SECONDS.get((found[1] or "s")[0].lower(), 1.0)


def dialect(path: Path) -> Dialect | None:
    """Return how a file is written, by its beginning; None for what is no text.

    Spreadsheets of other countries separate by semicolon or tab and write decimal commas, older ones in Latin-1.
    """
    with path.open("rb") as f:
        start = f.read(1 << 16)
    encoding = "utf-16" if start[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(start)  # the last letter may be cut
    except UnicodeDecodeError:
        encoding, text = "cp1252", start.decode("cp1252", "replace")
    if "\0" in text:
        return None
    said = _SAID.fullmatch(text[:20].splitlines()[0].strip()) if text.strip() else None
    lines = [line for line in text.splitlines()[bool(said) :] if line.strip()] or [""]
    separator = said[1] if said else _separator(lines[0])
    commas = separator != "," and any(re.search(r"\d,\d", line) for line in lines[:9])
    return Dialect(encoding, separator, "," if commas else ".", int(said is not None))


def _separator(line: str) -> str:
    for sign in ";\t":
        if sign in line and all(cell.count(",") <= 1 for cell in line.split(sign)):  # decimal commas at most
            return sign
    return max(",;\t", key=line.count)


def first_lines(path: Path, n: int) -> list[list[str]]:
    """Return the cells of the first ``n`` lines; lines that are not there have one empty cell."""
    found = dialect(path)
    if found is None:
        return [["\0"]] * n
    with path.open(encoding=found.encoding, newline="") as f:
        lines = [f.readline(_LONGEST_LINE).strip("\r\n ") for _ in range(found.begins + n)]
    read = (
        next(csv.reader([line], skipinitialspace=True, delimiter=found.separator), []) for line in lines[found.begins :]
    )
    return [[c.strip() for c in cells] or [""] for cells in read]


def read_table(path: Path, **options: Any) -> pd.DataFrame:
    """Read a file; ``options`` are those of `pandas.read_csv`.

    Raises:
        DataError: it is empty or no table.
    """
    import pandas as pd

    found = dialect(path)
    if found is None:
        raise DataError(f"{path}: not a table of comma-separated values; export it again")
    how = {"encoding": found.encoding, "sep": found.separator, "decimal": found.decimal, "skipinitialspace": True}
    skipped = {"skiprows": found.begins + options.get("skiprows", 0)}
    try:
        return pd.read_csv(path, **(how | options | skipped))
    except pd.errors.EmptyDataError as e:
        raise DataError(f"{path}: is empty; export it again") from e
    except (pd.errors.ParserError, UnicodeDecodeError, ValueError) as e:
        why = " ".join(str(e).split())[:80]
        raise DataError(f"{path}: not a table of comma-separated values; export it again ({why})") from e
