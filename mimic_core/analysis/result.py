"""What an analysis finds: tables, figures, metrics, and the few numbers that a reader looks for first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mimic_core.files import atomic_path, to_json, write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS: Mapping[str, Any] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""What a figure is saved as → its metadata: without a date, the same figure is the same file."""


def _rows(rows: Iterable[Iterable[Any]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, rows))


@attrs.frozen(kw_only=True)
class Table:
    """Rows under named columns; units belong into the column names."""

    columns: tuple[str, ...] = attrs.field(converter=tuple[str, ...])
    rows: tuple[tuple[Any, ...], ...] = attrs.field(converter=_rows)
    caption: str = ""

    @rows.validator
    def _rectangular(self, attribute: attrs.Attribute[Any], rows: tuple[tuple[Any, ...], ...]) -> None:
        for row in rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row has {len(row)} entries, expected {len(self.columns)} ({', '.join(self.columns)})"
                )


@attrs.frozen
class Headline:
    """One number that a reader looks for first, beside what trivial answers get.

    Attributes:
        label: what it is.
        value: the number.
        unit: of it; ``1`` where it has none.
        note: what has to be known to read it: over what it is a mean, what its interval spans.
        nulls: null model (the mean, a limp body, a shuffle, …) → what it gets by the same measure, in the same unit.
        better: ``lower`` or ``higher``, where one of them is.
    """

    label: str
    value: float | None
    unit: str = "1"
    note: str = ""
    nulls: Mapping[str, float | None] = attrs.field(factory=dict, hash=False, kw_only=True)
    better: str = attrs.field(default="", validator=attrs.validators.in_(("", "lower", "higher")), kw_only=True)

    @property
    def unbeaten(self) -> tuple[str, ...]:
        """Null models that do as well as this number, or better."""
        if self.value is None or not self.better:
            return ()
        sign = 1.0 if self.better == "lower" else -1.0
        return tuple(n for n, v in self.nulls.items() if v is not None and sign * v <= sign * self.value)


@attrs.frozen(kw_only=True)
class Result:
    """What an analysis found.

    Attributes:
        headlines: the few numbers that belong at the top of a report.
        sentence: what was found, in one or two sentences for the summary of a report.
        metrics: numbers by name, JSON-able; what ``--json`` prints.
        tables: name → table.
        figures: name → matplotlib figure.
        captions: figure name → what it shows, for the report.
        methods: how it was computed, with settings and sources, for the report.
    """

    headlines: tuple[Headline, ...] = attrs.field(default=(), converter=tuple[Headline, ...])
    sentence: str = ""
    metrics: dict[str, Any] = attrs.field(factory=dict)
    tables: dict[str, Table] = attrs.field(factory=dict)
    figures: dict[str, Figure] = attrs.field(factory=dict)
    captions: dict[str, str] = attrs.field(factory=dict)
    methods: str = ""

    def save(self, directory: str | Path) -> Path:
        """Write ``metrics.json``, one csv per table, and each figure as png, svg and pdf into ``directory``."""
        import csv
        import io

        directory = Path(directory)
        for name, table in self.tables.items():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows([[_plain(cell) for cell in row] for row in table.rows])
            write_text(directory / f"{name}.csv", text.getvalue())
        for name, figure in self.figures.items():
            for ending, undated in FORMATS.items():
                with atomic_path(directory / f"{name}.{ending}") as tmp:
                    figure.savefig(tmp, format=ending, metadata=undated)
        write_json(
            directory / "result.json",
            {
                "tables": {n: t.caption for n, t in self.tables.items()},
                "figures": {n: self.captions.get(n, "") for n in self.figures},
                "methods": self.methods,
                "headlines": to_json(self.headlines),
                "sentence": self.sentence,
            },
        )
        write_json(directory / "metrics.json", self.metrics)
        return directory


def _plain(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: names come from files of strangers."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
