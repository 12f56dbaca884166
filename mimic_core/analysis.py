"""What an analysis is: rollouts or reference clips in; tables, figures and metrics out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from mimic_core.clips import ReferenceClips
from mimic_core.component import ComponentSpec
from mimic_core.rollouts import Rollouts
from mimic_core.storage import Record, atomic_path, write_json, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECORDS: dict[str, type[Record]] = {r.KIND: r for r in (Rollouts, ReferenceClips)}
"""What an analysis may read, by the kind that files name themselves."""


@attrs.frozen(kw_only=True)
class Table:
    """Rows under named columns; units belong into the column names."""

    columns: tuple[str, ...] = attrs.field(converter=tuple)
    rows: tuple[tuple[Any, ...], ...] = attrs.field(converter=lambda rows: tuple(map(tuple, rows)))
    caption: str = ""

    @rows.validator
    def _rectangular(self, attribute: attrs.Attribute, rows: tuple[tuple[Any, ...], ...]) -> None:
        for row in rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row has {len(row)} entries, expected {len(self.columns)} ({', '.join(self.columns)})"
                )


@attrs.frozen(kw_only=True)
class Result:
    """What an analysis found.

    Attributes:
        metrics: numbers by name, JSON-able; what ``--json`` prints.
        tables: name → table.
        figures: name → matplotlib figure.
        captions: figure name → what it shows, for the report.
        methods: how it was computed, with settings and sources, for the report.
    """

    metrics: dict[str, Any] = attrs.field(factory=dict)
    tables: dict[str, Table] = attrs.field(factory=dict)
    figures: dict[str, Figure] = attrs.field(factory=dict)
    captions: dict[str, str] = attrs.field(factory=dict)
    methods: str = ""

    def save(self, directory: str | Path) -> Path:
        """Write ``metrics.json``, one csv per table, and each figure as png and svg into ``directory``."""
        import csv
        import io

        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(table.columns)
            writer.writerows(table.rows)
            write_text(directory / f"{name}.csv", text.getvalue())
        for name, figure in self.figures.items():
            for ending in ("png", "svg"):
                with atomic_path(directory / f"{name}.{ending}") as tmp:
                    figure.savefig(tmp, dpi=150, format=ending)
        write_json(
            directory / "result.json",
            {
                "tables": {n: t.caption for n, t in self.tables.items()},
                "figures": {n: self.captions.get(n, "") for n in self.figures},
                "methods": self.methods,
            },
        )
        write_json(directory / "metrics.json", self.metrics)
        return directory


@attrs.frozen(kw_only=True)
class AnalysisSpec(ComponentSpec):
    """An analysis. ``build(config) -> analyse`` with ``analyse(record) -> Result``.

    Attributes:
        of: what it reads: ``rollouts`` (the record is `Rollouts`) or ``clips`` (`ReferenceClips`).
    """

    of: str = attrs.field(default=Rollouts.KIND, validator=attrs.validators.in_(tuple(RECORDS)))
