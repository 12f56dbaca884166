"""OpenSim's tables (.sto, .mot): a header that ends in ``endheader``, a line of labels, and numbers."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import attrs
import numpy as np

from mimic_core import DataError

_END = "endheader"


@attrs.frozen(eq=False)
class Storage:
    """A table over time.

    Attributes:
        time: (row,) s.
        columns: label → (row,).
        degrees: what the header says of angles; None where it says nothing.
    """

    time: np.ndarray
    columns: Mapping[str, np.ndarray]
    degrees: bool | None = None

    @classmethod
    def read(cls, path: Path) -> Storage:
        """Read a table.

        Raises:
            DataError: it is none, its rows differ in length, a number is missing, or time does not grow.
        """
        import pandas as pd

        try:
            head, end, body = path.read_text(encoding="utf-8-sig").partition(_END)
        except UnicodeDecodeError as e:
            raise DataError(f"{path}: is no text; export it again from OpenSim") from e
        if not end:
            raise DataError(f"{path}: has no line {_END!r}, as a .mot or .sto file has; export it again from OpenSim")
        try:
            table = pd.read_csv(io.StringIO(body.lstrip()), sep=r"\s+", index_col=False)
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as e:
            raise DataError(f"{path}: its rows are no table ({' '.join(str(e).split())[:80]}); export it again") from e
        if not len(table) or str(table.columns[0]).lower() != "time":
            raise DataError(f"{path}: expected rows with time as their first column; export it again from OpenSim")
        values = table.apply(pd.to_numeric, errors="coerce").to_numpy(float)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise DataError(f"{path}: row {row + 1}, {table.columns[column]}: no number; export it again from OpenSim")
        if (np.diff(values[:, 0]) <= 0).any():
            row = int(np.argmax(np.diff(values[:, 0]) <= 0)) + 2
            raise DataError(f"{path}: row {row}: time does not grow; export it again from OpenSim")
        said = dict(line.split("=", 1) for line in head.lower().replace(" ", "").splitlines() if "=" in line)
        degrees = {"yes": True, "no": False}.get(said.get("indegrees", ""))
        return cls(values[:, 0], {str(c): values[:, i] for i, c in enumerate(table.columns) if i}, degrees)

    def write(self, path: Path, title: str) -> None:
        """Write the table, in double precision; both kinds of OpenSim's readers take it."""
        rows = np.column_stack([self.time, *self.columns.values()])
        head = [
            title,
            "version=1",
            f"nRows={len(rows)}",
            f"nColumns={rows.shape[1]}",
            f"inDegrees={'yes' if self.degrees else 'no'}",
            _END,
        ]
        labels = "\t".join(["time", *self.columns])
        lines = ("\t".join(f"{x:.12g}" for x in row) for row in rows)
        path.write_text("\n".join([*head, labels, *lines]) + "\n", encoding="utf-8")
